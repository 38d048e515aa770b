# Several pools in one account: each has a module of its own, and so its own cluster, roles, ledger and
# limits, which is what keeps the runs of one from those of another. They share the first one's network.
#
# Needs AWS credentials, and TFE_TOKEN of someone who may manage agent pools, teams and run tasks.

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

locals {
  pools = toset(["plain", "trusted"])
}

resource "tfe_agent_pool" "this" {
  for_each            = local.pools
  name                = each.key
  organization        = var.organization
  organization_scoped = false
}

resource "tfe_agent_token" "this" {
  for_each      = local.pools
  agent_pool_id = tfe_agent_pool.this[each.key].id
  description   = "Agents on ECS, ${each.key}"
}

# One that reads runs and agents, for both.
resource "tfe_team" "reader" {
  name         = "agents-on-ecs"
  organization = var.organization

  organization_access {
    read_workspaces    = true
    manage_agent_pools = true
  }
}

resource "tfe_team_token" "reader" {
  team_id = tfe_team.reader.id
}

module "plain" {
  source = "../.."

  prefix          = "tfc-plain"
  tfc_agent_token = tfe_agent_token.this["plain"].token
  sidecar_image   = var.sidecar_image
  endpoint_image  = var.endpoint_image
  max_count       = 10

  tfe_token = tfe_team_token.reader.token
  terraform_api = {
    organization    = var.organization
    agent_pool_name = tfe_agent_pool.this["plain"].name
    agent_pool_id   = tfe_agent_pool.this["plain"].id
  }

  agent_uses_task_role = false
}

module "trusted" {
  source = "../.."

  prefix          = "tfc-trusted"
  tfc_agent_token = tfe_agent_token.this["trusted"].token
  sidecar_image   = var.sidecar_image
  endpoint_image  = var.endpoint_image
  max_count       = 3

  tfe_token = tfe_team_token.reader.token
  terraform_api = {
    organization    = var.organization
    agent_pool_name = tfe_agent_pool.this["trusted"].name
    agent_pool_id   = tfe_agent_pool.this["trusted"].id
  }

  network = {
    vpc_id     = module.plain.vpc_id
    subnet_ids = module.plain.subnet_ids
  }
  # The first one's network has no NAT gateway.
  assign_public_ip = true

  terraform_dev_policy_arns = var.terraform_dev_policy_arns
}

# Each pool is called for the workspaces that have its run task.
resource "tfe_organization_run_task" "this" {
  for_each = {
    plain   = { url = module.plain.webhook_url, key = module.plain.hmac_key }
    trusted = { url = module.trusted.webhook_url, key = module.trusted.hmac_key }
  }
  organization = var.organization
  name         = "agents-on-ecs-${each.key}"
  url          = each.value.url
  hmac_key     = each.value.key
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

variable "terraform_dev_policy_arns" {
  description = "What runs of the trusted pool may do in this account; none by default."
  type        = list(string)
  default     = []
}

output "webhook_urls" {
  description = "URLs of the run tasks, by pool."
  value       = { plain = module.plain.webhook_url, trusted = module.trusted.webhook_url }
}
