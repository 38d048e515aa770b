# What `rehearsal prove` applies, and destroys when it is done: the module's service with a stand-in for
# tfc-agent, which has its jobs from a table. No HCP Terraform is needed, and none is called.
#
# Not for agents of yours: see OPERATING.md, "Prove it in your own account".

terraform {
  required_version = ">= 1.9.0"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 6.29.0, < 7.0.0"
    }
  }
}

provider "aws" {
  region = var.region
}

locals {
  # By which the proof knows what it made.
  tags = { "rehearsal-prove" = var.marker }
  name = "${var.prefix}-prove"
}

module "agents" {
  source = "../.."

  prefix           = var.prefix
  tfc_agent_token  = var.agent_token
  sidecar_image    = var.sidecar_image
  endpoint_image   = var.endpoint_image
  agent_image      = var.stand_in_image
  cpu_architecture = var.cpu_architecture
  max_count        = var.max_count

  # A stand-in does nothing but wait.
  task_cpu = 256
  task_mem = 512

  # Soon enough to be seen at rest, and long enough for the next run of an act.
  idle_timeout_seconds      = 60
  first_job_timeout_seconds = 120

  # The run task's key, and whom the endpoint calls back.
  notification_token = var.hmac_key
  tfc_address        = trimsuffix(aws_api_gateway_stage.callbacks.invoke_url, "/api")

  environment = {
    agent = {
      AWS_REGION                 = var.region
      STAND_IN_JOBS              = local.name
      STAND_IN_POLL_MILLISECONDS = "2000"
    }
  }

  common_tags        = local.tags
  log_retention_days = 1
}

# The jobs: offered by the proof, taken by the agents.
resource "aws_dynamodb_table" "jobs" {
  # checkov:skip=CKV_AWS_28: it is gone within the hour, with all else
  # checkov:skip=CKV_AWS_119: it holds ids that are made up, no secret
  name         = local.name
  billing_mode = "PAY_PER_REQUEST"
  hash_key     = "pk"
  range_key    = "sk"
  tags         = local.tags

  attribute {
    name = "pk"
    type = "S"
  }

  attribute {
    name = "sk"
    type = "S"
  }
}

resource "aws_iam_role_policy" "jobs" {
  name = local.name
  role = element(split("/", module.agents.task_role_arn), -1)
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid      = "Jobs"
        Effect   = "Allow"
        Action   = ["dynamodb:Query", "dynamodb:UpdateItem"]
        Resource = [aws_dynamodb_table.jobs.arn]
      },
    ]
  })
}

# For a while tasks may not protect themselves, which ECS then refuses.
resource "aws_iam_role_policy" "refusal" {
  count = var.refuse_protection ? 1 : 0
  name  = "${local.name}-refusal"
  role  = element(split("/", module.agents.task_role_arn), -1)
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid      = "NoProtection"
        Effect   = "Deny"
        Action   = ["ecs:UpdateTaskProtection"]
        Resource = ["*"]
      },
    ]
  })
}

# In place of HCP Terraform: takes every callback, and does nothing.
resource "aws_api_gateway_rest_api" "callbacks" {
  # checkov:skip=CKV_AWS_237: made anew, a callback more or less is no matter
  name = local.name
  tags = local.tags
  body = jsonencode({
    openapi = "3.0.1"
    info    = { title = local.name, version = "1" }
    paths = {
      "/{path+}" = {
        patch = {
          parameters = [{ name = "path", in = "path", required = true, schema = { type = "string" } }]
          responses  = { "200" = { description = "Taken" } }
          "x-amazon-apigateway-integration" = {
            type             = "mock"
            requestTemplates = { "application/vnd.api+json" = jsonencode({ statusCode = 200 }) }
            responses        = { default = { statusCode = "200" } }
          }
        }
      }
    }
  })

  endpoint_configuration {
    types = ["REGIONAL"]
  }
}

resource "aws_api_gateway_deployment" "callbacks" {
  rest_api_id = aws_api_gateway_rest_api.callbacks.id

  lifecycle {
    create_before_destroy = true
  }
}

# Its name is the first part of a callback's path.
resource "aws_api_gateway_stage" "callbacks" {
  # checkov:skip=CKV_AWS_73: there is nothing behind it that could be traced
  # checkov:skip=CKV_AWS_76: the endpoint's log tells what came of a callback
  # checkov:skip=CKV_AWS_120: each callback is another one, nothing is kept
  # checkov:skip=CKV2_AWS_29: it answers everybody the same, and knows nothing
  # checkov:skip=CKV2_AWS_51: it answers everybody the same, and knows nothing
  # checkov:skip=CKV2_AWS_4: what comes of a callback is in the log of the endpoint
  rest_api_id   = aws_api_gateway_rest_api.callbacks.id
  deployment_id = aws_api_gateway_deployment.callbacks.id
  stage_name    = "api"
  tags          = local.tags
}
