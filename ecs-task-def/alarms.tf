# What needs a person, as alarms of CloudWatch; off unless alarms is given. Each has its chapter in
# OPERATING.md, by its name. What the programs measure is in Sources/Telemetry/Metric.swift.

locals {
  metrics_on = var.metrics == null ? var.alarms != null || var.dashboard : var.metrics

  metrics_namespace = "TerraformAgents"
  # By which the programs' metrics are found.
  of_the_service  = { cluster = local.cluster, service = local.service }
  of_the_function = { FunctionName = local.endpoint_name }
  of_the_balancer = {
    LoadBalancer = one(aws_lb.endpoint[*].arn_suffix)
    TargetGroup  = one(aws_lb_target_group.endpoint[*].arn_suffix)
  }

  # Whether there are alarms, and which are left out, tells nothing of a topic that somebody keeps secret.
  has_alarms = nonsensitive(var.alarms != null)
  left_out   = nonsensitive(var.alarms == null ? [] : var.alarms.except)
  rings_after = {
    run_waits_seconds      = var.alarms == null ? 0 : var.alarms.run_waits_seconds
    service_away_minutes   = var.alarms == null ? 0 : var.alarms.service_away_minutes
    agents_exposed_minutes = var.alarms == null ? 0 : var.alarms.agents_exposed_minutes
    at_max_minutes         = var.alarms == null ? 0 : var.alarms.at_max_minutes
  }
  # Null: how often there are runs is nobody's to know but yours.
  no_calls_hours = nonsensitive(var.alarms == null ? null : var.alarms.no_calls_hours)

  # One of it is enough, looked for every five minutes.
  at_once = { statistic = "Sum", above = 0, of = 1, within = 1, seconds = 300 }

  # Of the programs' own metrics: how many of so many minutes must be as bad as that. Those that a
  # service at rest does not write are missing then, which is as it should be. A sweep may come a second
  # late and leave a minute without, so what is looked at each minute may miss one.
  own_alarms = {
    run-waits = {
      does      = "A job has waited for an agent for longer than ${local.rings_after.run_waits_seconds} s. Go down the ladder \"A run waits: why?\"."
      metrics   = ["OldestWaitingJob"]
      statistic = "Maximum", above = local.rings_after.run_waits_seconds, of = 3, within = 4, seconds = 60
    }
    service-away = {
      does      = "ECS's desiredCount has not followed the ledger for ${local.rings_after.service_away_minutes} minutes. Look at the endpoint's log for what stands in the way: ecs:UpdateService, throttling, a service that is being deleted."
      metrics   = ["ServiceAway"]
      statistic = "Minimum", above = 0, of = local.rings_after.service_away_minutes, within = local.rings_after.service_away_minutes + 1, seconds = 60
    }
    protection-fails = {
      does      = "ECS refuses to protect tasks from scaling in. Mend ecs:UpdateTaskProtection in the task role; until then nothing is lowered."
      metrics   = ["ProtectionFailures"]
      statistic = "Sum", above = 0, of = 5, within = 10, seconds = 60
    }
    agents-exposed = {
      does      = "Agents have run without protection for ${local.rings_after.agents_exposed_minutes} minutes. Do not lower desiredCount by hand and start no deployment; mend ecs:UpdateTaskProtection in the task role."
      metrics   = ["AgentsExposed"]
      statistic = "Maximum", above = 0, of = local.rings_after.agents_exposed_minutes, within = local.rings_after.agents_exposed_minutes + 1, seconds = 60
    }
    starts-fail = {
      does      = "ECS cannot start tasks: image, quota, secret, network or role. The endpoint's log and the stopped tasks name the reason."
      metrics   = ["StartsFailed"]
      statistic = "Sum", above = 0, of = 1, within = 1, seconds = 120
    }
    at-max = {
      does      = "Runs have waited for ${local.rings_after.at_max_minutes} minutes because max_count agents work. Raise max_count, if the organization has bought more agents, or let them wait."
      metrics   = ["JobsBeyondMax"]
      statistic = "Minimum", above = 0, of = local.rings_after.at_max_minutes, within = local.rings_after.at_max_minutes + 1, seconds = 60
    }
    agents-crash = merge(local.at_once, {
      does    = "Agents end before they wait for a job, or at work. Read the agent's log: a token that was revoked, memory, an agent image that does not start."
      metrics = ["AgentsCrashed"]
    })
    agents-unknown = merge(local.at_once, {
      does    = "For ten minutes it has not been known whether an agent works, so it counts as busy and stays. Read the sidecar's warning, which says why."
      metrics = ["AgentsUnknown"]
    })
    no-sweep = {
      does      = "The endpoint has swept nothing for ten minutes: what a lost call leaves behind stays. Look at its log and at the schedule, or at its task."
      metrics   = ["Sweeps"]
      statistic = "Sum", below = 1, of = 2, within = 2, seconds = 300
    }
    calls-fail = merge(local.at_once, {
      does    = "Calls of HCP Terraform could not be announced or answered. The endpoint's log names the cause; HCP Terraform calls again."
      metrics = ["AnnouncementsFailed", "CallbacksFailed"]
    })
  }

  # By a dimension of their own.
  call_alarms = {
    for name, alarm in {
      no-calls = {
        does      = "HCP Terraform has called nothing for ${coalesce(local.no_calls_hours, 0)} hours. If there were runs, look at the run task: its address, its stages, whether it is enabled and attached, and whether the endpoint answers."
        metrics   = [{ namespace = local.metrics_namespace, name = "Answers", dimensions = merge(local.of_the_service, { status = "200" }) }]
        statistic = "Sum", below = 1, of = local.no_calls_hours, within = local.no_calls_hours, seconds = 3600
      }
    } : name => alarm if local.no_calls_hours != null && local.has_endpoint
  }

  # Of AWS's.
  aws_alarms = merge(
    {
      bad-metrics = merge(local.at_once, {
        does = "CloudWatch cannot read metrics in the log lines, so other alarms may be blind. Report the line; something writes to the log group that should not, or sidecar and module are of different versions."
        metrics = flatten([
          for group in concat([local.agents_log_group], local.has_endpoint ? [local.endpoint_log_group] : []) : [
            for name in ["EMFParsingErrors", "EMFValidationErrors"] : { namespace = "AWS/Logs", name = name, dimensions = { LogGroupName = group } }
          ]
        ])
      })
    },
    {
      for name, alarm in {
        endpoint-errors = {
          does      = "The function fails, by its sweep or by a call. Its log says why; HCP Terraform calls again, and so does the schedule."
          metrics   = [{ namespace = "AWS/Lambda", name = "Errors", dimensions = local.of_the_function }]
          statistic = "Sum", above = 0, of = 2, within = 3, seconds = 300
        }
        endpoint-throttled = merge(local.at_once, {
          does    = "Lambda refuses calls for want of concurrency. Raise the account's quota or function_reserved_concurrency; look in the log whether strangers call."
          metrics = [{ namespace = "AWS/Lambda", name = "Throttles", dimensions = local.of_the_function }]
        })
      } : name => alarm if local.is_lambda
    },
    {
      for name, alarm in {
        endpoint-errors = {
          does      = "The load balancer answers for the endpoint, which is away or too slow. Look at the endpoint's service and log."
          metrics   = [{ namespace = "AWS/ApplicationELB", name = "HTTPCode_ELB_5XX_Count", dimensions = { LoadBalancer = local.of_the_balancer.LoadBalancer } }]
          statistic = "Sum", above = 0, of = 2, within = 3, seconds = 300
        }
        endpoint-away = {
          does      = "No task of the endpoint is healthy: runs get no agents. Look at the endpoint's service, its stopped tasks and its log."
          metrics   = [{ namespace = "AWS/ApplicationELB", name = "HealthyHostCount", dimensions = local.of_the_balancer }]
          statistic = "Minimum", below = 1, of = 5, within = 5, seconds = 60
        }
      } : name => alarm if local.is_service
    },
  )

  alarms = {
    for name, alarm in merge(
      {
        for name, alarm in local.own_alarms : name => merge(alarm, {
          metrics = [for metric in alarm.metrics : { namespace = local.metrics_namespace, name = metric, dimensions = local.of_the_service }]
        })
      },
      local.call_alarms,
      local.aws_alarms,
    ) : name => alarm if local.has_alarms && !contains(local.left_out, name)
  }
  # Written out, as other ARNs are: what is known before it is made can be looked at.
  alarm_arns = [for name in keys(local.alarms) : "arn:${local.partition}:cloudwatch:${local.region}:${local.account_id}:alarm:${var.prefix}-${name}"]
}

resource "aws_cloudwatch_metric_alarm" "this" {
  for_each          = local.alarms
  region            = var.region
  alarm_name        = "${var.prefix}-${each.key}"
  alarm_description = "${each.value.does} See ecs-task-def/OPERATING.md#alarm-${each.key}"
  alarm_actions     = var.alarms.topic_arns
  ok_actions        = var.alarms.topic_arns
  tags              = local.tags

  # One metric stands here, the sum of several in queries.
  namespace   = length(each.value.metrics) == 1 ? each.value.metrics[0].namespace : null
  metric_name = length(each.value.metrics) == 1 ? each.value.metrics[0].name : null
  dimensions  = length(each.value.metrics) == 1 ? each.value.metrics[0].dimensions : null
  statistic   = length(each.value.metrics) == 1 ? each.value.statistic : null
  period      = length(each.value.metrics) == 1 ? each.value.seconds : null

  dynamic "metric_query" {
    for_each = length(each.value.metrics) == 1 ? [] : each.value.metrics
    content {
      id = "m${metric_query.key}"
      metric {
        namespace   = metric_query.value.namespace
        metric_name = metric_query.value.name
        dimensions  = metric_query.value.dimensions
        stat        = each.value.statistic
        period      = each.value.seconds
      }
    }
  }
  dynamic "metric_query" {
    for_each = length(each.value.metrics) == 1 ? [] : [each.value.metrics]
    content {
      id          = "sum"
      expression  = "SUM(METRICS())"
      label       = join(" + ", distinct(metric_query.value[*].name))
      return_data = true
    }
  }

  comparison_operator = can(each.value.below) ? "LessThanThreshold" : "GreaterThanThreshold"
  threshold           = can(each.value.below) ? each.value.below : each.value.above
  datapoints_to_alarm = each.value.of
  evaluation_periods  = each.value.within
  # Silence is what is alarming where there must always be something.
  treat_missing_data = can(each.value.below) ? "breaching" : "notBreaching"

  # They come last and go first: nobody is called because the endpoint is not there yet, or any more.
  depends_on = [
    aws_ecs_service.endpoint,
    aws_lambda_function.scale_up,
    aws_scheduler_schedule.sweep,
  ]
}
