variable "organization" {
  description = "Organization of HCP Terraform."
  type        = string
}

variable "workspaces" {
  description = "Names of the workspaces that are made and run on the agents."
  type        = set(string)
  default     = ["agents-on-ecs"]
}

variable "prefix" {
  description = "Begins the name of everything that is made in AWS, and names pool and run task."
  type        = string
  default     = "tfc"
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

variable "cpu_architecture" {
  description = "Written by docker/build --tfvars."
  type        = string
}

variable "max_count" {
  description = "Agents at most; no more than the organization has bought. 0 ends the service, before terraform destroy."
  type        = number
  default     = 3
}

variable "tfe_token" {
  description = "API token that may read runs and agents; optional."
  type        = string
  default     = null
  sensitive   = true
}

variable "terraform_dev_policy_arns" {
  description = "What runs may do in this account by assuming terraform_dev_role; none by default, and the example's consumer needs none."
  type        = list(string)
  default     = []
}
