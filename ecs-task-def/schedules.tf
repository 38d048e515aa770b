# The function's sweep every minute, and the hours of desired_count.

resource "aws_scheduler_schedule_group" "this" {
  region = var.region
  name   = var.prefix
  tags   = local.tags
}

resource "aws_scheduler_schedule" "sweep" {
  # checkov:skip=CKV_AWS_297: encrypted with the scheduler's own key; the input is one word
  count               = local.is_lambda ? 1 : 0
  region              = var.region
  name                = "sweep"
  group_name          = aws_scheduler_schedule_group.this.name
  description         = "Makes the service follow the ledger, and finds runs that nobody announced"
  schedule_expression = "rate(1 minute)"

  flexible_time_window {
    mode = "OFF"
  }

  target {
    arn      = aws_lambda_function.scale_up[0].arn
    role_arn = aws_iam_role.this["scheduler"].arn
    input    = jsonencode({ action = "sweep" })

    # The next one comes in a minute.
    retry_policy {
      maximum_retry_attempts       = 0
      maximum_event_age_in_seconds = 60
    }
  }

  depends_on = [aws_iam_role_policy.this]
}

# Straight into the table: no function has to run for it.
resource "aws_scheduler_schedule" "desired_count" {
  # checkov:skip=CKV_AWS_297: encrypted with the scheduler's own key; the input is a number
  for_each                     = { for schedule in local.schedules : schedule.name => schedule }
  region                       = var.region
  name                         = "desired-count-${each.key}"
  group_name                   = aws_scheduler_schedule_group.this.name
  description                  = "desired_count = ${each.value.desired_count}"
  schedule_expression          = each.value.expression
  schedule_expression_timezone = each.value.timezone

  flexible_time_window {
    mode = "OFF"
  }

  target {
    arn      = "arn:${local.partition}:scheduler:::aws-sdk:dynamodb:updateItem"
    role_arn = aws_iam_role.this["scheduler"].arn
    input    = jsonencode(local.schedule_inputs[each.key])

    # Late by an hour at most: after that the next schedule may have been meant.
    retry_policy {
      maximum_retry_attempts       = 10
      maximum_event_age_in_seconds = 3600
    }
  }

  depends_on = [
    aws_dynamodb_table_item.limits,
    aws_dynamodb_table_item.scheduled,
    aws_iam_role_policy.this,
    # As the endpoint, it goes before the service.
    aws_ecs_service.agents,
  ]
}
