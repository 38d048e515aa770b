# The endpoint behind a load balancer, with its certificate, its record and the run task, all in one
# apply: nothing of it is known before.
#
# Needs AWS credentials, TFE_TOKEN of someone who may manage agent pools and run tasks, and a public
# zone of Route 53.

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

# Where run task calls come from.
data "tfe_ip_ranges" "this" {}

data "aws_route53_zone" "this" {
  name = var.zone
}

locals {
  domain = "scale-up.${var.zone}"
}

resource "aws_acm_certificate" "this" {
  region            = var.region
  domain_name       = local.domain
  validation_method = "DNS"

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_route53_record" "proof" {
  zone_id = data.aws_route53_zone.this.zone_id
  name    = one(aws_acm_certificate.this.domain_validation_options[*].resource_record_name)
  type    = one(aws_acm_certificate.this.domain_validation_options[*].resource_record_type)
  records = [one(aws_acm_certificate.this.domain_validation_options[*].resource_record_value)]
  ttl     = 300
}

resource "aws_acm_certificate_validation" "this" {
  region                  = var.region
  certificate_arn         = aws_acm_certificate.this.arn
  validation_record_fqdns = [aws_route53_record.proof.fqdn]
}

resource "tfe_agent_pool" "this" {
  name         = "ecs"
  organization = var.organization
}

resource "tfe_agent_token" "this" {
  agent_pool_id = tfe_agent_pool.this.id
  description   = "Agents on ECS"
}

module "agents" {
  source = "../.."

  prefix          = "tfc"
  tfc_agent_token = tfe_agent_token.this.token
  sidecar_image   = var.sidecar_image

  endpoint                 = "service"
  endpoint_image           = var.endpoint_image
  endpoint_domain          = local.domain
  endpoint_certificate_arn = aws_acm_certificate_validation.this.certificate_arn
  endpoint_ingress = {
    for index, range in data.tfe_ip_ranges.this.notifications : "hcp-terraform-${index}" => { cidr_ipv4 = range }
  }
}

resource "aws_route53_record" "endpoint" {
  zone_id = data.aws_route53_zone.this.zone_id
  name    = local.domain
  type    = "A"

  alias {
    name                   = module.agents.endpoint_dns_name
    zone_id                = module.agents.endpoint_zone_id
    evaluate_target_health = false
  }
}

# HCP Terraform calls the URL while this is made: the name must lead there by then.
resource "tfe_organization_run_task" "this" {
  organization = var.organization
  name         = "agents-on-ecs"
  url          = module.agents.webhook_url
  hmac_key     = module.agents.hmac_key
  enabled      = true

  depends_on = [aws_route53_record.endpoint]
}

variable "organization" {
  description = "Organization of HCP Terraform."
  type        = string
}

variable "region" {
  description = "AWS region."
  type        = string
}

variable "zone" {
  description = "Public zone of Route 53, such as example.com."
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
  value       = module.agents.webhook_url
}
