# What the pool does, on one page of CloudWatch; off unless dashboard is true. Four questions, from the
# top: is anything wrong, who waits, what runs, what did it cost.

locals {
  # What a task costs an hour, in dollars at the list prices of us-east-1 that the README names: Spot
  # costs less, and what a region adds is not in it.
  agent_hour = (
    (var.cpu_architecture == "ARM64" ? 0.8 : 1) * (0.04048 * var.task_cpu + 0.004445 * var.task_mem) / 1024
    + (local.assign_public_ip ? 0.005 : 0)
  )

  # A metric of the programs as a widget has it.
  shown = {
    for name in [
      "AgentsBusy", "AgentsExposed", "AgentsIdle", "AgentsLeaving", "AgentsStarting", "AgentsWanted",
      "AgentsCrashed", "AgentsUnknown", "AnnouncementsFailed", "AnswerDuration", "Answers",
      "Boot", "BootProtect", "BootPull", "BootRegister", "BootStart", "CallbacksFailed", "HandOvers", "IdleTime",
      "JobDuration", "JobWait", "JobsBeyondMax", "JobsWaiting", "LedgerConflicts", "LedgerFailures",
      "LedgerWriteUnits", "OldestWaitingJob",
      "ProjectionRepairs", "ProtectionFailures", "Renewals", "RenewalsSpoiled", "ServiceAway", "StartsFailed",
      "Sweeps", "SweepsFailed",
    ] : name => [local.metrics_namespace, name, "cluster", local.cluster, "service", local.service]
  }
  # One line for each reason.
  by_reason = {
    for name in ["Departures", "StartsFailed"] : name =>
    "SEARCH('{${local.metrics_namespace},cluster,reason_name,service} MetricName=\"${name}\" cluster=\"${local.cluster}\" service=\"${local.service}\"', 'Sum', 3600)"
  }
  # Agents' hours by what they went into.
  hours = [
    concat(local.shown["JobDuration"], [{ id = "busy", stat = "Sum", visible = false }]),
    concat(local.shown["IdleTime"], [{ id = "idle", stat = "Sum", visible = false }]),
    concat(local.shown["Boot"], [{ id = "boot", stat = "Sum", visible = false }]),
  ]

  # The pool itself, as the function draws it for whoever may invoke it.
  pool_rows = [
    for arn in [local.function_arn] : {
      height = 10
      widgets = [
        {
          type = "custom", width = 24
          properties = {
            title    = "The pool at this moment"
            endpoint = arn
            params   = { ask = "status" }
            updateOn = { refresh = true, resize = false, timeRange = false }
          }
        },
      ]
    } if local.is_lambda
  ]

  dashboard_rows = concat([
    {
      height  = 1
      widgets = [{ type = "text", width = 24, properties = { markdown = "## Is anything wrong? What each alarm and line means: ecs-task-def/OPERATING.md", background = "transparent" } }]
    },
    {
      height = 6
      widgets = [
        {
          for key, widget in {
            alarms = {
              type = "alarm", width = 8
              properties = {
                title  = "Alarms"
                alarms = local.alarm_arns
              }
            }
            none = {
              type = "text", width = 8
              properties = {
                markdown = "There are no alarms: the module's input `alarms` makes them."
              }
            }
          } : "it" => widget if key == (length(local.alarms) > 0 ? "alarms" : "none")
        }["it"],
        {
          type = "metric", width = 8
          properties = {
            title = "What failed"
            stat  = "Sum", period = 300
            metrics = [
              for name, label in {
                ProtectionFailures  = "protection refused"
                StartsFailed        = "tasks not started"
                AgentsCrashed       = "agents crashed"
                AgentsUnknown       = "agents unknown"
                SweepsFailed        = "sweeps"
                LedgerFailures      = "calls of the ledger"
                AnnouncementsFailed = "announcements"
                CallbacksFailed     = "callbacks"
                ProjectionRepairs   = "service repaired"
              } : concat(local.shown[name], [{ label = label }])
            ]
          }
        },
        {
          type = "metric", width = 8
          properties = {
            title   = "Tasks that ECS could not start, by reason"
            period  = 3600
            metrics = [[{ expression = local.by_reason["StartsFailed"], id = "reasons", label = "" }]]
          }
        },
      ]
    },
    {
      height = 6
      widgets = [
        {
          type = "log", width = 24
          properties = {
            title = "Warnings and errors"
            view  = "table"
            query = join(" | ", compact([
              "SOURCE '${local.agents_log_group}'",
              local.has_endpoint ? "SOURCE '${local.endpoint_log_group}'" : "",
              "filter level in ['warning', 'error']",
              "stats count(*) as lines, latest(message) as says, latest(reason) as why, latest(@timestamp) as last by level, event, reason_name",
              "sort level asc, lines desc",
              "limit 30",
            ]))
          }
        },
      ]
    },
    {
      height  = 1
      widgets = [{ type = "text", width = 24, properties = { markdown = "## Who waits?", background = "transparent" } }]
    },
    {
      height = 6
      widgets = [
        {
          type = "metric", width = 8
          properties = {
            title = "Jobs without an agent"
            stat  = "Maximum", period = 60, stacked = false
            metrics = [
              concat(local.shown["JobsWaiting"], [{ label = "waiting" }]),
              concat(local.shown["JobsBeyondMax"], [{ label = "of these beyond max_count" }]),
            ]
          }
        },
        {
          type = "metric", width = 8
          properties = {
            title   = "Age of the oldest of them"
            stat    = "Maximum", period = 60, stacked = false
            metrics = [concat(local.shown["OldestWaitingJob"], [{ label = "seconds" }])]
          }
        },
        {
          type = "metric", width = 8
          properties = {
            title  = "Announced until an agent has it, seconds"
            period = 300, stacked = false
            metrics = [
              concat(local.shown["JobWait"], [{ label = "half less", stat = "p50" }]),
              concat(local.shown["JobWait"], [{ label = "19 of 20 less", stat = "p95" }]),
            ]
          }
        },
      ]
    },
    {
      height  = 1
      widgets = [{ type = "text", width = 24, properties = { markdown = "## What runs?", background = "transparent" } }]
    },
    ], local.pool_rows, [
    {
      height = 6
      widgets = [
        {
          type = "metric", width = 12
          properties = {
            title = "Agents"
            stat  = "Maximum", period = 60
            metrics = [
              for name, label in {
                AgentsBusy     = "busy"
                AgentsIdle     = "idle"
                AgentsLeaving  = "leaving"
                AgentsStarting = "starting"
              } : concat(local.shown[name], [{ label = label }])
            ]
          }
        },
        {
          type = "metric", width = 12
          properties = {
            title = "Wanted, away from it, and exposed"
            stat  = "Maximum", period = 60, stacked = false
            metrics = [
              concat(local.shown["AgentsWanted"], [{ label = "wanted" }]),
              concat(local.shown["ServiceAway"], [{ label = "service away by" }]),
              concat(local.shown["AgentsExposed"], [{ label = "without protection" }]),
            ]
          }
        },
      ]
    },
    {
      height = 6
      widgets = [
        {
          type = "metric", width = 8
          properties = {
            title = "A boot and its parts"
            stat  = "Average", period = 300
            metrics = [
              concat(local.shown["BootPull"], [{ label = "images pulled" }]),
              concat(local.shown["BootStart"], [{ label = "started" }]),
              concat(local.shown["BootProtect"], [{ label = "protected" }]),
              concat(local.shown["BootRegister"], [{ label = "registered" }]),
            ]
          }
        },
        {
          type = "metric", width = 8
          properties = {
            title   = "Why tasks left"
            period  = 3600
            metrics = [[{ expression = local.by_reason["Departures"], id = "reasons", label = "" }]]
          }
        },
        {
          type = "metric", width = 8
          properties = {
            title = "Renewals and deployments"
            stat  = "Sum", period = 3600
            metrics = [
              concat(local.shown["Renewals"], [{ label = "renewed" }]),
              concat(local.shown["RenewalsSpoiled"], [{ label = "spoiled" }]),
              concat(local.shown["HandOvers"], [{ label = "handed over" }]),
            ]
          }
        },
      ]
    },
    {
      height  = 1
      widgets = [{ type = "text", width = 24, properties = { markdown = "## What did it cost?", background = "transparent" } }]
    },
    {
      height = 6
      widgets = [
        {
          type = "metric", width = 6
          properties = {
            title  = "Agents' hours"
            period = 3600
            metrics = concat(local.hours, [
              [{ expression = "busy / 3600", id = "busyHours", label = "at work" }],
              [{ expression = "idle / 3600", id = "idleHours", label = "idle" }],
              [{ expression = "boot / 3600", id = "bootHours", label = "booting" }],
            ])
          }
        },
        {
          type = "metric", width = 6
          properties = {
            title  = "Dollars a day, for agents"
            period = 86400, view = "singleValue", sparkline = true
            metrics = concat(local.hours, [
              concat(local.shown["JobDuration"], [{ id = "jobs", stat = "SampleCount", visible = false }]),
              [{ expression = "${local.agent_hour} * SUM([busy, idle, boot]) / 3600", id = "dollars", label = "in all" }],
              [{ expression = "dollars / jobs", id = "each", label = "a job" }],
            ])
          }
        },
        {
          type = "metric", width = 6
          properties = {
            title  = "The endpoint's calls"
            period = 3600, stacked = false
            metrics = [
              concat(local.shown["Answers"], [{ label = "answers", stat = "Sum" }]),
              concat(local.shown["Sweeps"], [{ label = "sweeps", stat = "Sum" }]),
              concat(local.shown["AnswerDuration"], [{ label = "p95, ms", stat = "p95", yAxis = "right" }]),
            ]
          }
        },
        {
          type = "metric", width = 6
          properties = {
            title = "The ledger's writes"
            stat  = "Sum", period = 3600, stacked = false
            metrics = [
              concat(local.shown["LedgerWriteUnits"], [{ label = "units" }]),
              concat(local.shown["LedgerConflicts"], [{ label = "in vain", yAxis = "right" }]),
            ]
          }
        },
      ]
    },
  ])

  # What a widget of metrics is, where it does not say otherwise.
  chart = { view = "timeSeries", stacked = true }

  # Each where the rows above and the widgets before it end.
  dashboard_widgets = flatten([
    for index, row in local.dashboard_rows : [
      for place, widget in row.widgets : {
        type   = widget.type
        x      = sum(concat([0], [for before in slice(row.widgets, 0, place) : before.width]))
        y      = sum(concat([0], [for above in slice(local.dashboard_rows, 0, index) : above.height]))
        width  = widget.width
        height = row.height
        properties = merge(
          contains(["metric", "log"], widget.type) ? { region = local.region } : {},
          concat([for form in [local.chart] : form if widget.type == "metric" && !can(widget.properties.view)], [{}])[0],
          widget.properties,
        )
      }
    ]
  ])
}

resource "aws_cloudwatch_dashboard" "this" {
  count  = var.dashboard ? 1 : 0
  region = var.region
  # Dashboards are the account's, not the region's.
  dashboard_name = "${var.prefix}-${local.region}"
  dashboard_body = jsonencode({ start = "-PT6H", widgets = local.dashboard_widgets })

  depends_on = [aws_cloudwatch_metric_alarm.this]
}
