output "webhook_url" {
  description = "URL of the run task; null with endpoint = \"none\"."
  value       = local.is_service ? "https://${var.endpoint_domain}/" : one(aws_lambda_function_url.scale_up[*].function_url)
  # HCP Terraform calls it when the run task is made; by then it must answer.
  depends_on = [
    aws_ecs_service.endpoint,
    aws_lambda_permission.call_url,
    aws_lambda_permission.invoke_by_url,
  ]
}

output "hmac_key" {
  description = "HMAC key of the run task; null if existing_secrets has it."
  value       = local.makes_secret.hmac_key ? local.hmac_key : null
  sensitive   = true
  # Whoever signs with it does so when the endpoint can read it.
  depends_on = [aws_ssm_parameter.hmac_key]
}

output "notification_configuration_token" {
  description = "Token for notification configurations: their own, or the run task's key; null if existing_secrets has it."
  value = (
    local.makes_secret.notification_token ? local.notification_token
    : var.notifications.own_token ? null
    : local.makes_secret.hmac_key ? local.hmac_key
    : null
  )
  sensitive  = true
  depends_on = [aws_ssm_parameter.hmac_key, aws_ssm_parameter.notification_token]
}

output "terraform_dev_role" {
  description = "ARN of the role that runs may assume; null if agent_uses_task_role is false."
  value       = one(aws_iam_role.dev[*].arn)
}

output "vpc_id" {
  description = "The VPC of the agents."
  value       = local.vpc_id
}

output "subnet_ids" {
  description = "The subnets of the agents."
  value       = local.subnet_ids
}

output "security_group_id" {
  description = "The security group of the agents, to be let in where runs have work to do."
  value       = aws_security_group.agents.id
}

output "cluster" {
  description = "Name of the ECS cluster."
  value       = local.makes_cluster ? aws_ecs_cluster.this[0].name : local.cluster
}

output "service" {
  description = "Name of the agents' ECS service."
  value       = aws_ecs_service.agents.name
}

output "ledger_table" {
  description = "Name of the DynamoDB table of the ledger."
  value       = aws_dynamodb_table.ledger.name
}

output "ledger_key" {
  description = "Partition key (pk) of the ledger's items, the limits among them."
  value       = local.ledger_key
}

output "pool" {
  description = "This pool, for the input pools of the module whose endpoint serves it."
  value       = local.own_pool
  # Whoever raises it does so when it is there, and has its limits.
  depends_on = [aws_dynamodb_table_item.limits, aws_ecs_service.agents]
}

output "task_role_arn" {
  description = "ARN of the tasks' role, for trust policies elsewhere."
  value       = aws_iam_role.this["task"].arn
}

output "execution_role_arn" {
  description = "ARN of the role with which ECS pulls images and reads secrets, for policies of registries, secrets and keys elsewhere."
  value       = aws_iam_role.this["execution"].arn
}

output "endpoint_role_arn" {
  description = "ARN of the endpoint's role, for policies of keys elsewhere; null with endpoint = \"none\"."
  value       = local.has_endpoint ? aws_iam_role.this["endpoint"].arn : null
}

output "agents_log_group" {
  description = "Log group of agents and sidecars."
  value       = aws_cloudwatch_log_group.agents.name
}

output "endpoint_log_group" {
  description = "Log group of the scale-up endpoint; null with endpoint = \"none\"."
  value       = one(aws_cloudwatch_log_group.endpoint[*].name)
}

output "endpoint_dns_name" {
  description = "Name of the load balancer, for the DNS record of endpoint_domain; null with endpoint = \"lambda\"."
  value       = one(aws_lb.endpoint[*].dns_name)
}

output "endpoint_zone_id" {
  description = "Zone of the load balancer's name, for an alias record; null with endpoint = \"lambda\"."
  value       = one(aws_lb.endpoint[*].zone_id)
}

output "endpoint_security_group_id" {
  description = "The security group of the endpoint, to be let in by the VPC's endpoints; null where it is in no VPC."
  value       = one(aws_security_group.endpoint[*].id)
}
