# The cluster and the agents' service.

resource "aws_ecs_cluster" "this" {
  # checkov:skip=CKV_AWS_65: Container Insights costs by the task; by default it is what the account has set
  count  = local.makes_cluster ? 1 : 0
  region = var.region
  name   = local.cluster
  tags   = local.tags

  dynamic "setting" {
    for_each = var.container_insights == null ? [] : [var.container_insights]
    content {
      name  = "containerInsights"
      value = setting.value
    }
  }
}

resource "aws_ecs_cluster_capacity_providers" "this" {
  count              = local.makes_cluster ? 1 : 0
  region             = var.region
  cluster_name       = aws_ecs_cluster.this[0].name
  capacity_providers = ["FARGATE", "FARGATE_SPOT"]
}

resource "aws_ecs_task_definition" "agents" {
  # checkov:skip=CKV_AWS_336: the sidecar's root is read-only; runs write where they please, in a container that ends with them
  region                   = var.region
  family                   = local.filled.family
  requires_compatibilities = local.filled.requiresCompatibilities
  network_mode             = local.filled.networkMode
  cpu                      = local.filled.cpu
  memory                   = local.filled.memory
  task_role_arn            = aws_iam_role.this["task"].arn
  execution_role_arn       = aws_iam_role.this["execution"].arn
  container_definitions    = jsonencode(local.container_definitions)
  # A rollback goes to the revision before this one, so that must still be registered.
  skip_destroy = true
  tags         = local.tags

  runtime_platform {
    operating_system_family = local.filled.runtimePlatform.operatingSystemFamily
    cpu_architecture        = local.filled.runtimePlatform.cpuArchitecture
  }

  dynamic "ephemeral_storage" {
    for_each = var.ephemeral_storage_gib == null ? [] : [var.ephemeral_storage_gib]
    content {
      size_in_gib = ephemeral_storage.value
    }
  }

  dynamic "volume" {
    for_each = local.filled.volumes
    content {
      name = volume.value.name
    }
  }

  dynamic "volume" {
    for_each = var.volumes
    content {
      name = volume.key

      dynamic "efs_volume_configuration" {
        for_each = volume.value.efs == null ? [] : [volume.value.efs]
        content {
          file_system_id     = efs_volume_configuration.value.file_system_id
          root_directory     = efs_volume_configuration.value.root_directory
          transit_encryption = "ENABLED"

          authorization_config {
            access_point_id = efs_volume_configuration.value.access_point_id
            iam             = efs_volume_configuration.value.iam ? "ENABLED" : "DISABLED"
          }
        }
      }
    }
  }

  lifecycle {
    precondition {
      condition     = length(local.clashes) == 0
      error_message = "The module sets these by itself, or they are given twice: ${join(", ", local.clashes)}."
    }
  }
}

resource "aws_ecs_service" "agents" {
  # checkov:skip=CKV_AWS_333: the new VPC's tasks have a public address instead of a NAT gateway; nothing is let in
  region          = var.region
  name            = local.service
  cluster         = local.makes_cluster ? aws_ecs_cluster.this[0].arn : local.cluster_arn
  task_definition = aws_ecs_task_definition.agents.arn
  # The first value only: from then on the ledger decides and the sidecars lower.
  desired_count = local.desired_count

  # Never more tasks than desired_count, deployments included: each agent counts against the
  # organization's allowance. Protected tasks stay, and new ones start as old ones leave.
  deployment_maximum_percent         = 100
  deployment_minimum_healthy_percent = 0
  # A revision that cannot start goes back by itself.
  deployment_circuit_breaker {
    enable   = true
    rollback = true
  }
  # It would stop a task in one zone to start one in another.
  availability_zone_rebalancing = "DISABLED"

  dynamic "capacity_provider_strategy" {
    for_each = local.capacity
    content {
      capacity_provider = capacity_provider_strategy.key
      weight            = capacity_provider_strategy.value
    }
  }
  # What the provider needs to change the strategy without making the service anew.
  force_new_deployment = true

  network_configuration {
    subnets          = local.subnet_ids
    security_groups  = concat([aws_security_group.agents.id], var.security_group_ids)
    assign_public_ip = local.assign_public_ip
  }

  enable_execute_command  = var.enable_execute_command
  propagate_tags          = "SERVICE"
  enable_ecs_managed_tags = true
  tags                    = local.tags

  # To destroy it Terraform sets the count to 0, deletes the service and waits for its last task. Not
  # force_delete: that protected tasks survive a count of 0 is documented, that they survive a forced
  # deletion is not. Runs of two hours may end meanwhile; destroying again goes on waiting.
  timeouts {
    delete = "2h"
  }

  # An agent must be able to protect itself, to do its run's work and to book its leaving from its
  # first second to its last, so all that it needs is there before the service and goes after it.
  # Who adds agents (endpoint, schedules) and the limits by which they are added depend on the
  # service, come after it and go first.
  depends_on = [
    aws_cloudwatch_log_group.agents,
    aws_dynamodb_table_item.ending,
    aws_dynamodb_table_item.scheduled,
    aws_ecs_cluster_capacity_providers.this,
    aws_iam_role_policy.subnets,
    aws_iam_role_policy.this,
    aws_iam_role_policy_attachment.dev,
    aws_route.internet,
    aws_route_table_association.agents,
    aws_ssm_parameter.agent_token,
    aws_ssm_parameter.tfe_token,
    aws_vpc_security_group_egress_rule.agents,
  ]

  lifecycle {
    ignore_changes = [desired_count]
  }
}

resource "aws_cloudwatch_log_group" "agents" {
  # checkov:skip=CKV_AWS_158: encrypted with CloudWatch's own key unless kms_key names one, which costs by the month
  # checkov:skip=CKV_AWS_338: log_retention_days is the owner's choice
  region            = var.region
  name              = local.agents_log_group
  retention_in_days = var.log_retention_days
  kms_key_id        = local.kms_key_arn
  tags              = local.tags
}
