variable "region" {
  description = "AWS region."
  type        = string
}

variable "permissions_boundary_arn" {
  description = "The company's boundary for roles."
  type        = string
}

variable "kms_key_arn" {
  description = "The platform team's key; its policy lets CloudWatch Logs of the region use it."
  type        = string
}

variable "agent_image" {
  description = "tfc-agent with the company's certificates."
  type        = string
}

variable "sidecar_image" {
  description = "agent-sidecar with the company's certificates."
  type        = string
}

variable "endpoint_image" {
  description = "scale-up with the company's certificates."
  type        = string
}

variable "agent_token_arn" {
  description = "Secret of Secrets Manager, or parameter of SSM, with the agent pool's token."
  type        = string
}

variable "hmac_key_arn" {
  description = "Parameter of SSM with the run task's HMAC key."
  type        = string
}

variable "tfe_host" {
  description = "Host of Terraform Enterprise."
  type        = string
}

variable "vpc_id" {
  description = "The network, with endpoints for ECR (api and dkr), S3, ECS, SSM, DynamoDB, CloudWatch Logs and Secrets Manager."
  type        = string
}

variable "vpc_cidr" {
  description = "Its addresses."
  type        = string
}

variable "subnet_ids" {
  description = "Its private subnets, in two zones or more."
  type        = list(string)
}

variable "dynamodb_prefix_list_id" {
  description = "Addresses of DynamoDB, whose endpoint is a route and no address in the network."
  type        = string
}

variable "s3_prefix_list_id" {
  description = "Addresses of S3, likewise."
  type        = string
}

variable "proxy_url" {
  description = "The proxy to the outside."
  type        = string
}

variable "proxy_cidr" {
  description = "Its addresses."
  type        = string
}

variable "proxy_port" {
  description = "Its port."
  type        = number
  default     = 3128
}

variable "endpoint_domain" {
  description = "Name by which Terraform Enterprise calls the endpoint."
  type        = string
}

variable "endpoint_certificate_arn" {
  description = "Certificate for it, of the company's authority, in ACM."
  type        = string
}
