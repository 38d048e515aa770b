# Terraform Enterprise in a network of its own: private subnets, a proxy to the outside, certificates
# of a company's own authority, roles under a boundary, secrets that Terraform never sees.
#
# The authority's certificate has to be in each image, since a task has no other way to it from its
# first second on. Three Dockerfiles of this kind:
#
#     FROM REGISTRY/agent-sidecar:TAG            and likewise scale-up and hashicorp/tfc-agent
#     COPY company-ca.pem /etc/ssl/company-ca.pem
#
# company-ca.pem holds every authority that is trusted, also those of AWS's names if the proxy does not
# make its own for them: SSL_CERT_FILE stands for the whole list.

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
  trusts = { SSL_CERT_FILE = "/etc/ssl/company-ca.pem" }
}

module "agents" {
  source = "../.."

  prefix    = "tfe"
  role_path = "/platform/"

  permissions_boundary_arn = var.permissions_boundary_arn
  kms_key                  = { arn = var.kms_key_arn }

  agent_image    = var.agent_image
  sidecar_image  = var.sidecar_image
  endpoint_image = var.endpoint_image

  # Written there by whoever manages the pool and the run task.
  existing_secrets = {
    agent_token = { arn = var.agent_token_arn }
    hmac_key    = { arn = var.hmac_key_arn }
  }
  secrets_kms_key_arns = [var.kms_key_arn]

  tfc_address = "https://${var.tfe_host}"
  environment = {
    agent    = local.trusts
    sidecar  = local.trusts
    endpoint = local.trusts
  }

  network = {
    vpc_id     = var.vpc_id
    subnet_ids = var.subnet_ids
  }
  proxy = {
    url = var.proxy_url
    # Reached without it: Terraform Enterprise, and AWS by the VPC's endpoints.
    no_proxy = concat([var.tfe_host], [for service in ["dynamodb", "ecs", "ssm"] : "${service}.${var.region}.amazonaws.com"])
  }
  egress = {
    inside   = { ip_protocol = "tcp", from_port = 443, to_port = 443, cidr_ipv4 = var.vpc_cidr }
    proxy    = { ip_protocol = "tcp", from_port = var.proxy_port, to_port = var.proxy_port, cidr_ipv4 = var.proxy_cidr }
    dynamodb = { ip_protocol = "tcp", from_port = 443, to_port = 443, prefix_list_id = var.dynamodb_prefix_list_id }
    # Where ECR has the layers of images.
    s3 = { ip_protocol = "tcp", from_port = 443, to_port = 443, prefix_list_id = var.s3_prefix_list_id }
  }

  # Terraform Enterprise calls from inside.
  endpoint                 = "service"
  endpoint_internal        = true
  endpoint_domain          = var.endpoint_domain
  endpoint_certificate_arn = var.endpoint_certificate_arn
  endpoint_ingress         = { enterprise = { cidr_ipv4 = var.vpc_cidr } }
  endpoint_egress = {
    inside   = { from_port = 443, to_port = 443, cidr_ipv4 = var.vpc_cidr }
    proxy    = { from_port = var.proxy_port, to_port = var.proxy_port, cidr_ipv4 = var.proxy_cidr }
    dynamodb = { from_port = 443, to_port = 443, prefix_list_id = var.dynamodb_prefix_list_id }
    s3       = { from_port = 443, to_port = 443, prefix_list_id = var.s3_prefix_list_id }
  }

  agent_uses_task_role = false
  log_retention_days   = 365
}

output "webhook_url" {
  description = "URL of the run task."
  value       = module.agents.webhook_url
}

output "endpoint_dns_name" {
  description = "What the record of endpoint_domain points at."
  value       = module.agents.endpoint_dns_name
}
