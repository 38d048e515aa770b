# The scale-up endpoint as an ECS service behind a load balancer, where a network does not want
# function URLs, or Terraform Enterprise has to reach it inside.

resource "aws_security_group" "load_balancer" {
  count       = local.is_service ? 1 : 0
  region      = var.region
  name        = "${var.prefix}-load-balancer"
  description = "Who may call the scale-up endpoint"
  vpc_id      = local.vpc_id
  tags        = merge(local.tags, { Name = "${var.prefix}-load-balancer" })
}

resource "aws_vpc_security_group_ingress_rule" "load_balancer" {
  for_each                     = { for name, source in var.endpoint_ingress : name => source if local.is_service }
  region                       = var.region
  security_group_id            = aws_security_group.load_balancer[0].id
  description                  = "Run task calls: ${each.key}"
  ip_protocol                  = "tcp"
  from_port                    = 443
  to_port                      = 443
  cidr_ipv4                    = each.value.cidr_ipv4
  cidr_ipv6                    = each.value.cidr_ipv6
  prefix_list_id               = each.value.prefix_list_id
  referenced_security_group_id = each.value.security_group_id
  tags                         = local.tags
}

resource "aws_vpc_security_group_egress_rule" "load_balancer" {
  count                        = local.is_service ? 1 : 0
  region                       = var.region
  security_group_id            = aws_security_group.load_balancer[0].id
  description                  = "The endpoint"
  ip_protocol                  = "tcp"
  from_port                    = 8080
  to_port                      = 8080
  referenced_security_group_id = aws_security_group.endpoint[0].id
  tags                         = local.tags
}

resource "aws_security_group" "endpoint" {
  count       = local.is_in_vpc ? 1 : 0
  region      = var.region
  name        = local.endpoint_name
  description = "The scale-up endpoint"
  vpc_id      = local.vpc_id
  tags        = merge(local.tags, { Name = local.endpoint_name })
}

resource "aws_vpc_security_group_ingress_rule" "endpoint" {
  count                        = local.is_service ? 1 : 0
  region                       = var.region
  security_group_id            = aws_security_group.endpoint[0].id
  description                  = "The load balancer"
  ip_protocol                  = "tcp"
  from_port                    = 8080
  to_port                      = 8080
  referenced_security_group_id = aws_security_group.load_balancer[0].id
  tags                         = local.tags
}

resource "aws_vpc_security_group_egress_rule" "endpoint" {
  for_each                     = { for name, target in var.endpoint_egress : name => target if local.is_in_vpc }
  region                       = var.region
  security_group_id            = aws_security_group.endpoint[0].id
  description                  = "AWS and HCP Terraform: ${each.key}"
  ip_protocol                  = each.value.ip_protocol
  from_port                    = each.value.from_port
  to_port                      = each.value.to_port
  cidr_ipv4                    = each.value.cidr_ipv4
  cidr_ipv6                    = each.value.cidr_ipv6
  prefix_list_id               = each.value.prefix_list_id
  referenced_security_group_id = each.value.security_group_id
  tags                         = local.tags
}

resource "aws_lb" "endpoint" {
  # checkov:skip=CKV_AWS_91: an access log needs a bucket; the endpoint logs every call itself
  # checkov:skip=CKV_AWS_150: terraform destroy should be able to
  # checkov:skip=CKV2_AWS_28: a firewall is the owner's choice; the signature is checked before anything is parsed
  count                      = local.is_service ? 1 : 0
  region                     = var.region
  name                       = local.endpoint_name
  internal                   = var.endpoint_internal
  load_balancer_type         = "application"
  security_groups            = [aws_security_group.load_balancer[0].id]
  subnets                    = var.endpoint_subnet_ids != null ? var.endpoint_subnet_ids : local.subnet_ids
  drop_invalid_header_fields = true
  tags                       = local.tags
}

resource "aws_lb_target_group" "endpoint" {
  # checkov:skip=CKV_AWS_378: within the VPC, from the load balancer to its one target
  count                = local.is_service ? 1 : 0
  region               = var.region
  name                 = local.endpoint_name
  port                 = 8080
  protocol             = "HTTP"
  target_type          = "ip"
  vpc_id               = local.vpc_id
  deregistration_delay = 30
  tags                 = local.tags

  health_check {
    path                = "/healthz"
    matcher             = "200"
    interval            = 10
    timeout             = 5
    healthy_threshold   = 2
    unhealthy_threshold = 3
  }
}

resource "aws_lb_listener" "endpoint" {
  count             = local.is_service ? 1 : 0
  region            = var.region
  load_balancer_arn = aws_lb.endpoint[0].arn
  port              = 443
  protocol          = "HTTPS"
  ssl_policy        = "ELBSecurityPolicy-TLS13-1-2-2021-06"
  certificate_arn   = var.endpoint_certificate_arn
  tags              = local.tags

  default_action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.endpoint[0].arn
  }
}

resource "aws_ecs_task_definition" "endpoint" {
  count                    = local.is_service ? 1 : 0
  region                   = var.region
  family                   = local.endpoint_name
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = 256
  memory                   = 512
  task_role_arn            = aws_iam_role.this["endpoint"].arn
  execution_role_arn       = aws_iam_role.this["execution"].arn
  container_definitions    = jsonencode([local.endpoint_container])
  # As for the agents: what a rollback needs.
  skip_destroy = true
  tags         = local.tags

  runtime_platform {
    operating_system_family = "LINUX"
    cpu_architecture        = var.cpu_architecture
  }
}

resource "aws_ecs_service" "endpoint" {
  # checkov:skip=CKV_AWS_333: the new VPC's tasks have a public address instead of a NAT gateway; only the load balancer is let in
  count           = local.is_service ? 1 : 0
  region          = var.region
  name            = local.endpoint_name
  cluster         = local.makes_cluster ? aws_ecs_cluster.this[0].arn : local.cluster_arn
  task_definition = aws_ecs_task_definition.endpoint[0].arn
  desired_count   = 1
  # HCP Terraform calls as soon as the run task is made, which waits for this.
  wait_for_steady_state = true
  tags                  = local.tags

  deployment_circuit_breaker {
    enable   = true
    rollback = true
  }

  capacity_provider_strategy {
    capacity_provider = "FARGATE"
    weight            = 1
  }

  network_configuration {
    subnets          = local.subnet_ids
    security_groups  = [aws_security_group.endpoint[0].id]
    assign_public_ip = local.assign_public_ip
  }

  load_balancer {
    target_group_arn = aws_lb_target_group.endpoint[0].arn
    container_name   = local.endpoint_container.name
    container_port   = 8080
  }

  depends_on = [
    aws_cloudwatch_log_group.endpoint,
    aws_dynamodb_table_item.limits,
    aws_ecs_cluster_capacity_providers.this,
    # It goes before the agents' service: nobody may raise what is being taken down.
    aws_ecs_service.agents,
    aws_iam_role_policy.subnets,
    aws_iam_role_policy.this,
    aws_lb_listener.endpoint,
    aws_route.internet,
    aws_route_table_association.agents,
    aws_ssm_parameter.hmac_key,
    aws_ssm_parameter.notification_token,
    aws_ssm_parameter.tfe_token,
    aws_vpc_security_group_egress_rule.endpoint,
    aws_vpc_security_group_egress_rule.load_balancer,
    aws_vpc_security_group_ingress_rule.endpoint,
    aws_vpc_security_group_ingress_rule.load_balancer,
  ]
}
