# Secrets, under one path of the parameter store. Their values are in Terraform's state as well: keep
# it where only those may read it who may know them. In no other resource, though: the endpoint reads
# the parameters, and ECS puts them into the containers that are meant.

resource "random_password" "hmac_key" {
  length  = 64
  special = false
}

resource "random_password" "notification_token" {
  count   = local.makes_secret.notification_token ? 1 : 0
  length  = 64
  special = false
}

locals {
  # Not coalesce: its error would name the values.
  hmac_key = var.notification_token != null ? var.notification_token : random_password.hmac_key.result
  notification_token = (
    var.notification_configuration_token != null ? var.notification_configuration_token
    : one(random_password.notification_token[*].result)
  )

  # Null: AWS's own keys.
  kms_key_arn = var.kms_key == null ? null : var.kms_key.arn
}

resource "aws_ssm_parameter" "agent_token" {
  # checkov:skip=CKV_AWS_337: encrypted with the account's own SSM key unless kms_key names one, which costs by the month
  count       = local.makes_secret.agent_token ? 1 : 0
  region      = var.region
  name        = local.agent_token_source
  description = "Token of the agent pool"
  type        = "SecureString"
  key_id      = local.kms_key_arn
  value       = var.tfc_agent_token
  tags        = local.tags
}

resource "aws_ssm_parameter" "hmac_key" {
  # checkov:skip=CKV_AWS_337: encrypted with the account's own SSM key unless kms_key names one, which costs by the month
  count       = local.makes_secret.hmac_key ? 1 : 0
  region      = var.region
  name        = local.hmac_key_source
  description = "HMAC key of the run task"
  type        = "SecureString"
  key_id      = local.kms_key_arn
  value       = local.hmac_key
  tags        = local.tags
}

resource "aws_ssm_parameter" "notification_token" {
  # checkov:skip=CKV_AWS_337: encrypted with the account's own SSM key unless kms_key names one, which costs by the month
  count       = local.makes_secret.notification_token ? 1 : 0
  region      = var.region
  name        = local.notification_token_source
  description = "Token of notification configurations"
  type        = "SecureString"
  key_id      = local.kms_key_arn
  value       = local.notification_token
  tags        = local.tags
}

resource "aws_ssm_parameter" "tfe_token" {
  # checkov:skip=CKV_AWS_337: encrypted with the account's own SSM key unless kms_key names one, which costs by the month
  count       = local.makes_secret.tfe_token ? 1 : 0
  region      = var.region
  name        = local.tfe_token_source
  description = "API token of HCP Terraform"
  type        = "SecureString"
  key_id      = local.kms_key_arn
  value       = var.tfe_token
  tags        = local.tags
}
