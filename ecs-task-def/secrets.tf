# Secrets, under one path of the parameter store. Their values are in Terraform's state as well: keep
# it where only those may read it who may know them. In no other resource, though: the endpoint reads
# the parameters, and ECS puts them into the containers that are meant.

resource "random_password" "hmac_key" {
  length  = 64
  special = false
}

locals {
  # Not coalesce: its error would name the values.
  hmac_key = var.notification_token != null ? var.notification_token : random_password.hmac_key.result
}

resource "aws_ssm_parameter" "agent_token" {
  # checkov:skip=CKV_AWS_337: encrypted with the account's own SSM key; a key of one's own costs by the month and is the owner's choice
  region      = var.region
  name        = local.agent_token_parameter
  description = "Token of the agent pool"
  type        = "SecureString"
  value       = var.tfc_agent_token
  tags        = local.tags
}

resource "aws_ssm_parameter" "hmac_key" {
  # checkov:skip=CKV_AWS_337: encrypted with the account's own SSM key; a key of one's own costs by the month and is the owner's choice
  region      = var.region
  name        = local.hmac_key_parameter
  description = "HMAC key of the run task"
  type        = "SecureString"
  value       = local.hmac_key
  tags        = local.tags
}

resource "aws_ssm_parameter" "tfe_token" {
  # checkov:skip=CKV_AWS_337: encrypted with the account's own SSM key; a key of one's own costs by the month and is the owner's choice
  count       = local.has_tfe_token ? 1 : 0
  region      = var.region
  name        = local.tfe_token_parameter
  description = "API token of HCP Terraform"
  type        = "SecureString"
  value       = var.tfe_token
  tags        = local.tags
}
