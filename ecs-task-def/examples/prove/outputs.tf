output "webhook_url" {
  description = "Where the proof calls as a run task."
  value       = module.agents.webhook_url
}

output "address" {
  description = "Where callbacks go."
  value       = trimsuffix(aws_api_gateway_stage.callbacks.invoke_url, "/api")
}
