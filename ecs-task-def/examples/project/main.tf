# A whole project of HCP Terraform on the agents: its workspaces run there by default, each calls the
# run task, and one notification of the project says at once when a run of theirs is over.
#
# Needs AWS credentials, and TFE_TOKEN of someone who may manage agent pools, run tasks and the project.

terraform {
  required_version = ">= 1.9.0"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 6.29.0, < 7.0.0"
    }
    tfe = {
      source = "hashicorp/tfe"
      # The first that knows notifications of projects.
      version = ">= 0.78.0, < 1.0.0"
    }
  }
}

provider "aws" {
  region = var.region
}

provider "tfe" {
  organization = var.organization
}

data "tfe_project" "this" {
  name         = var.project
  organization = var.organization
}

resource "tfe_agent_pool" "this" {
  name         = var.prefix
  organization = var.organization
  # Nobody else's runs: whoever can start a run in the pool has what its agents have.
  organization_scoped = false
}

resource "tfe_agent_pool_allowed_projects" "this" {
  agent_pool_id       = tfe_agent_pool.this.id
  allowed_project_ids = [data.tfe_project.this.id]
}

resource "tfe_project_settings" "this" {
  project_id             = data.tfe_project.this.id
  default_execution_mode = "agent"
  default_agent_pool_id  = tfe_agent_pool_allowed_projects.this.agent_pool_id
}

resource "tfe_agent_token" "this" {
  agent_pool_id = tfe_agent_pool.this.id
  description   = "Agents on ECS, ${var.prefix}"
}

module "agents" {
  source = "../.."

  prefix          = var.prefix
  tfc_agent_token = tfe_agent_token.this.token
  sidecar_image   = var.sidecar_image
  endpoint_image  = var.endpoint_image

  # Whoever may see one of the two keys need not see the other.
  notifications = {
    own_token            = true
    announce_run_created = var.announce_run_created
  }
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

# On each workspace that the project has when this is applied; one that is made later takes another
# apply. HCP Terraform can put a run task on a project itself (task configurations, in beta), for which
# the provider has no resource.
resource "tfe_workspace_run_task" "this" {
  for_each     = toset(data.tfe_project.this.workspace_ids)
  workspace_id = each.value
  task_id      = tfe_organization_run_task.this.id
  stages       = ["pre_plan", "post_plan", "pre_apply", "post_apply"]
  # Advisory: a run goes on when the endpoint cannot be reached, and an agent that is there takes it.
  enforcement_level = "advisory"
}

# Of all workspaces of the project, those that come later too. A run that is canceled or fails ends its
# announced jobs at once, instead of after announced_job_timeout_seconds.
resource "tfe_project_notification_configuration" "this" {
  project_id       = data.tfe_project.this.id
  name             = var.prefix
  destination_type = "generic"
  url              = module.agents.webhook_url
  token            = module.agents.notification_configuration_token
  triggers = concat(
    ["run:completed", "run:errored"],
    var.announce_run_created ? ["run:created"] : [],
  )
  enabled = true
}

variable "organization" {
  description = "Organization of HCP Terraform."
  type        = string
}

variable "project" {
  description = "Name of a project that is there."
  type        = string
}

variable "region" {
  description = "AWS region; the images are in its ECR."
  type        = string
}

variable "prefix" {
  description = "Begins the name of everything that is made in AWS, and names pool, run task and notification."
  type        = string
  default     = "tfc"
}

variable "sidecar_image" {
  description = "Written by docker/build --tfvars."
  type        = string
}

variable "endpoint_image" {
  description = "Written by docker/build --tfvars."
  type        = string
}

variable "announce_run_created" {
  description = "Whether a run that was created gets its agent before its run task calls, and while it waits behind another one."
  type        = bool
  default     = false
}

output "webhook_url" {
  description = "URL of run task and notification."
  value       = module.agents.webhook_url
}
