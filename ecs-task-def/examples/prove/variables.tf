# All of them are given by `rehearsal prove`, the images by docker/build --stand-in --tfvars.

variable "prefix" {
  description = "Begins the name of everything that is made."
  type        = string
}

variable "region" {
  description = "AWS region; the images are in its ECR."
  type        = string
}

variable "marker" {
  description = "The proof's own mark, in a tag of everything that is made."
  type        = string
}

variable "agent_token" {
  description = "Made up: no agent pool knows it. It is looked for in logs and ledger."
  type        = string
  sensitive   = true
}

variable "hmac_key" {
  description = "The run task's key, with which the proof signs its calls."
  type        = string
  sensitive   = true
}

variable "max_count" {
  description = "Agents at most."
  type        = number
}

variable "refuse_protection" {
  description = "Whether tasks are denied to protect themselves."
  type        = bool
}

variable "sidecar_image" {
  description = "Written by docker/build --tfvars."
  type        = string
}

variable "endpoint_image" {
  description = "Written by docker/build --tfvars."
  type        = string
}

variable "stand_in_image" {
  description = "Written by docker/build --stand-in --tfvars."
  type        = string
}

variable "cpu_architecture" {
  description = "Written by docker/build --tfvars."
  type        = string
}
