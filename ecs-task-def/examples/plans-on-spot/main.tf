# Plans on Spot, applies not: two services for one agent pool, behind one endpoint. A plan that loses
# its task to Spot is made again; an apply must not lose its own.
#
# HCP Terraform gives a job to an agent that accepts its type, and the run's stage decides which service
# grows. A type that neither accepts is never run: see that each that you use is in one of the two.
#
# Needs AWS credentials, and TFE_TOKEN of someone who may manage agent pools and run tasks.

terraform {
  required_version = ">= 1.9.0"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 6.29.0, < 7.0.0"
    }
    tfe = {
      source  = "hashicorp/tfe"
      version = ">= 0.60.0, < 1.0.0"
    }
  }
}

provider "aws" {
  region = var.region
}

provider "tfe" {
  organization = var.organization
}

resource "tfe_agent_pool" "this" {
  name         = "ecs"
  organization = var.organization
}

resource "tfe_agent_token" "this" {
  agent_pool_id = tfe_agent_pool.this.id
  description   = "Agents on ECS"
}

# Its endpoint serves both.
module "applies" {
  source = "../.."

  prefix          = "tfc-applies"
  tfc_agent_token = tfe_agent_token.this.token
  sidecar_image   = var.sidecar_image
  endpoint_image  = var.endpoint_image
  max_count       = 5
  environment     = { agent = { TFC_AGENT_ACCEPT = "apply,policy" } }

  pools = [
    { name = "plans", pool = module.plans.pool, when = { stages = ["pre_plan"] } },
    # All the rest, applies and policy checks.
    { name = "applies", default = true },
  ]
  announce_stages = ["pre_plan", "post_plan", "pre_apply"]
}

module "plans" {
  source = "../.."

  prefix          = "tfc-plans"
  tfc_agent_token = tfe_agent_token.this.token
  sidecar_image   = var.sidecar_image
  endpoint        = "none"
  max_count       = 10
  spot_share      = 100
  environment     = { agent = { TFC_AGENT_ACCEPT = "plan,assessment" } }
}

resource "tfe_organization_run_task" "this" {
  organization = var.organization
  name         = "agents-on-ecs"
  url          = module.applies.webhook_url
  hmac_key     = module.applies.hmac_key
  enabled      = true
}

variable "organization" {
  description = "Organization of HCP Terraform."
  type        = string
}

variable "region" {
  description = "AWS region; the images are in its ECR."
  type        = string
}

variable "sidecar_image" {
  description = "Written by docker/build --tfvars."
  type        = string
}

variable "endpoint_image" {
  description = "Written by docker/build --tfvars."
  type        = string
}

output "webhook_url" {
  description = "URL of the run task."
  value       = module.applies.webhook_url
}
