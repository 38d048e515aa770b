# Both sides in one apply: the agent pool and its run task in HCP Terraform, and the agents on ECS.
#
# Needs AWS credentials, and TFE_TOKEN (or `terraform login`) of someone who may manage agent pools,
# run tasks and the workspaces named. docker/build --tfvars writes the images' variables.

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
  has_token = nonsensitive(var.tfe_token != null)

  # Every stage calls. The endpoint starts agents for the stages of announce_stages and answers the
  # others, which lets it see that a run has gone on.
  stages = ["pre_plan", "post_plan", "pre_apply", "post_apply"]
}

# The workspaces that run on these agents; made here, or existing ones imported.
resource "tfe_workspace" "this" {
  for_each     = var.workspaces
  name         = each.value
  organization = var.organization
}

resource "tfe_agent_pool" "this" {
  name         = var.prefix
  organization = var.organization
  # Nobody else's runs: whoever can start a run in the pool has what its agents have.
  organization_scoped = false
}

resource "tfe_agent_pool_allowed_workspaces" "this" {
  agent_pool_id         = tfe_agent_pool.this.id
  allowed_workspace_ids = [for workspace in tfe_workspace.this : workspace.id]
}

resource "tfe_agent_token" "this" {
  agent_pool_id = tfe_agent_pool.this.id
  description   = "Agents on ECS, ${var.prefix}"
}

resource "tfe_workspace_settings" "this" {
  for_each       = tfe_workspace.this
  workspace_id   = each.value.id
  execution_mode = "agent"
  agent_pool_id  = tfe_agent_pool_allowed_workspaces.this.agent_pool_id
}

module "agents" {
  source = "../.."

  prefix           = var.prefix
  tfc_agent_token  = tfe_agent_token.this.token
  sidecar_image    = var.sidecar_image
  endpoint_image   = var.endpoint_image
  cpu_architecture = var.cpu_architecture
  max_count        = var.max_count

  # Optional: finds runs that no run task announced.
  tfe_token = var.tfe_token
  terraform_api = !local.has_token ? null : {
    organization    = var.organization
    agent_pool_name = tfe_agent_pool.this.name
    agent_pool_id   = tfe_agent_pool.this.id
  }

  terraform_dev_policy_arns = var.terraform_dev_policy_arns
}

# HCP Terraform calls the URL while this is made, signed with the key, and wants 200.
resource "tfe_organization_run_task" "this" {
  organization = var.organization
  name         = var.prefix
  description  = "Starts an agent on ECS for each run"
  url          = module.agents.webhook_url
  hmac_key     = module.agents.hmac_key
  enabled      = true
}

resource "tfe_workspace_run_task" "this" {
  for_each     = tfe_workspace.this
  workspace_id = each.value.id
  task_id      = tfe_organization_run_task.this.id
  stages       = local.stages
  # Advisory: a run goes on when the endpoint cannot be reached, and an agent that is there takes it.
  enforcement_level = "advisory"
}
