# A consumer: a workspace whose runs are taken by the agents, and which can become terraform_dev_role.
# TF_CLOUD_ORGANIZATION names the organization.

terraform {
  required_version = ">= 1.9.0"

  cloud {
    workspaces {
      name = "agents-on-ecs"
    }
  }

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 6.0.0, < 7.0.0"
    }
  }
}

variable "terraform_dev_role" {
  description = "Output terraform_dev_role of the agents' module. Null: the agent's own role, or what the workspace's variables say."
  type        = string
  default     = null
}

variable "region" {
  description = "AWS region."
  type        = string
  default     = "eu-central-1"
}

provider "aws" {
  region = var.region

  # The agent's task role is found by the provider by itself, and may assume this one.
  dynamic "assume_role" {
    for_each = var.terraform_dev_role == null ? [] : [var.terraform_dev_role]
    content {
      role_arn     = assume_role.value
      session_name = "terraform-run"
    }
  }
}

data "aws_caller_identity" "this" {}

output "i_am" {
  description = "Who the run is in AWS."
  value       = data.aws_caller_identity.this.arn
}
