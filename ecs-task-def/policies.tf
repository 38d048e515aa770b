# Who may do what. Nobody here may do more than one service, one table, one parameter path and the
# tasks of one cluster need; the tests look for wildcards.
#
# All containers of a task have the task role, so a run has it too (unless agent_uses_task_role is
# false): assume that whoever can start a run in this pool can do what the task role can.

locals {
  # The service's size and nothing else: a call that names another task definition or opens a shell
  # into tasks would turn this permission into any other. Neither key is there in our own calls.
  service_statements = [
    {
      Sid      = "SizeOfTheService"
      Effect   = "Allow"
      Action   = ["ecs:DescribeServices", "ecs:UpdateService"]
      Resource = [local.service_arn]
    },
    {
      Sid      = "NoOtherTaskDefinition"
      Effect   = "Deny"
      Action   = ["ecs:UpdateService"]
      Resource = [local.service_arn]
      Condition = {
        Null       = { "ecs:task-definition" = "false" }
        ArnNotLike = { "ecs:task-definition" = local.definition_arn }
      }
    },
    {
      Sid       = "NoShell"
      Effect    = "Deny"
      Action    = ["ecs:UpdateService"]
      Resource  = [local.service_arn]
      Condition = { Bool = { "ecs:enable-execute-command" = "true" } }
    },
    # Listing knows no resource but the cluster, which the condition names.
    {
      Sid       = "TasksThatLive"
      Effect    = "Allow"
      Action    = ["ecs:ListTasks"]
      Resource  = ["*"]
      Condition = { ArnEquals = { "ecs:cluster" = local.cluster_arn } }
    },
  ]

  ledger_statements = [
    {
      Sid      = "Ledger"
      Effect   = "Allow"
      Action   = ["dynamodb:BatchGetItem", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"]
      Resource = [local.ledger_arn]
      Condition = {
        "ForAllValues:StringLike" = { "dynamodb:LeadingKeys" = [local.ledger_key, "${local.ledger_key}/*"] }
      }
    },
    # Limits are for Terraform and the schedules to set, not for what they limit.
    {
      Sid      = "NotTheLimits"
      Effect   = "Deny"
      Action   = ["dynamodb:PutItem", "dynamodb:UpdateItem"]
      Resource = [local.ledger_arn]
      Condition = {
        "ForAnyValue:StringEquals" = { "dynamodb:LeadingKeys" = [local.limits_key] }
      }
    },
  ]

  policies = {
    task = {
      Version = "2012-10-17"
      Statement = concat(
        local.service_statements,
        local.ledger_statements,
        [
          {
            Sid       = "ProtectionOfTasks"
            Effect    = "Allow"
            Action    = ["ecs:GetTaskProtection", "ecs:UpdateTaskProtection"]
            Resource  = [local.tasks_arn]
            Condition = { ArnEquals = { "ecs:cluster" = local.cluster_arn } }
          },
        ],
        [
          for arn in [local.role_arns.dev] : {
            Sid      = "WhatRunsMayDo"
            Effect   = "Allow"
            Action   = ["sts:AssumeRole"]
            Resource = [arn]
          } if var.agent_uses_task_role
        ],
      )
    }

    endpoint = {
      Version = "2012-10-17"
      Statement = concat(
        local.service_statements,
        local.ledger_statements,
        [
          {
            Sid      = "KeyOfTheRunTask"
            Effect   = "Allow"
            Action   = ["ssm:GetParameter"]
            Resource = ["${local.parameter_arn}/hmac-key"]
          },
        ],
        [
          for group in [local.endpoint_log_group] : {
            Sid      = "Log"
            Effect   = "Allow"
            Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
            Resource = ["arn:${local.partition}:logs:${local.region}:${local.account_id}:log-group:${group}:*"]
          } if local.is_lambda
        ],
      )
    }

    # ECS itself, while it starts a task.
    execution = {
      Version = "2012-10-17"
      Statement = concat(
        [
          {
            Sid      = "Log"
            Effect   = "Allow"
            Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
            Resource = local.log_group_arns
          },
          {
            Sid      = "Secrets"
            Effect   = "Allow"
            Action   = ["ssm:GetParameters"]
            Resource = ["${local.parameter_arn}/*"]
          },
        ],
        [
          for arns in [local.ecr_repository_arns] : {
            Sid      = "Images"
            Effect   = "Allow"
            Action   = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
            Resource = arns
          } if length(arns) > 0
        ],
        # A token for the registry as such; what it can pull is the statement above.
        [
          for arns in [local.ecr_repository_arns] : {
            Sid      = "SignInToTheRegistry"
            Effect   = "Allow"
            Action   = ["ecr:GetAuthorizationToken"]
            Resource = ["*"]
          } if length(arns) > 0
        ],
      )
    }

    scheduler = {
      Version = "2012-10-17"
      Statement = concat(
        [
          for arn in [local.function_arn] : {
            Sid      = "Sweep"
            Effect   = "Allow"
            Action   = ["lambda:InvokeFunction"]
            Resource = [arn]
          } if local.is_lambda
        ],
        [
          for key in [local.limits_key] : {
            Sid       = "Limits"
            Effect    = "Allow"
            Action    = ["dynamodb:UpdateItem"]
            Resource  = [local.ledger_arn]
            Condition = { "ForAllValues:StringEquals" = { "dynamodb:LeadingKeys" = [key] } }
          } if length(var.schedules) > 0
        ],
      )
    }
  }

  # Only the service of this account, so that it cannot be talked into acting for another one.
  trust = {
    for role, service in {
      task      = "ecs-tasks.amazonaws.com"
      execution = "ecs-tasks.amazonaws.com"
      endpoint  = local.is_lambda ? "lambda.amazonaws.com" : "ecs-tasks.amazonaws.com"
      scheduler = "scheduler.amazonaws.com"
      } : role => {
      Version = "2012-10-17"
      Statement = [
        merge(
          {
            Effect    = "Allow"
            Action    = ["sts:AssumeRole"]
            Principal = { Service = [service] }
          },
          # Lambda does not say for whom it asks.
          service == "lambda.amazonaws.com" ? {} : {
            Condition = { StringEquals = { "aws:SourceAccount" = local.account_id } }
          },
        )
      ]
    }
  }

  dev_trust = {
    Version = "2012-10-17"
    Statement = [
      {
        Effect    = "Allow"
        Action    = ["sts:AssumeRole"]
        Principal = { AWS = [local.role_arns.task] }
      },
    ]
  }
}
