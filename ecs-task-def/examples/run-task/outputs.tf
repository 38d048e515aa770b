output "webhook_url" {
  description = "URL of the run task."
  value       = module.agents.webhook_url
}

output "terraform_dev_role" {
  description = "For the consumer workspace's variable of the same name."
  value       = module.agents.terraform_dev_role
}

output "cluster" {
  description = "Where to watch: the cluster ..."
  value       = module.agents.cluster
}

output "service" {
  description = "... and its service."
  value       = module.agents.service
}
