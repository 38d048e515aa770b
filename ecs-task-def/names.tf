# What everything is called. ARNs are written out, so that roles can name exactly what they are for
# before it exists.

locals {
  tags = merge(
    { Name = var.prefix, "managed-by" = "terraform" },
    var.ttl == null ? {} : { ttl = var.ttl },
    var.common_tags,
  )

  cluster      = var.prefix
  service      = "${var.prefix}-agents"
  ledger_table = "${var.prefix}-ledger"
  # The partition of the service's items; see Sources/AWS/LedgerItem.swift.
  ledger_key = "${local.cluster}/${local.service}"

  agents_log_group   = "/ecs/${var.prefix}-agents"
  endpoint_log_group = "/${var.endpoint == "lambda" ? "aws/lambda" : "ecs"}/${local.endpoint_name}"
  endpoint_name      = "${var.prefix}-scale-up"

  parameter_path        = "/${var.prefix}"
  agent_token_parameter = "${local.parameter_path}/agent-token"
  hmac_key_parameter    = "${local.parameter_path}/hmac-key"
  tfe_token_parameter   = "${local.parameter_path}/tfe-token"

  # max_count 0 is the end of the service, whatever the other two say.
  is_ending     = var.max_count == 0
  desired_count = local.is_ending ? 0 : var.desired_count
  schedules     = local.is_ending ? [] : var.schedules

  # Weights of the capacity providers in use.
  capacity = {
    for name, weight in { FARGATE = 100 - var.spot_share, FARGATE_SPOT = var.spot_share } : name => weight if weight > 0
  }

  is_lambda     = var.endpoint == "lambda"
  is_service    = var.endpoint == "service"
  has_tfe_token = nonsensitive(var.tfe_token != null)

  roles = {
    task      = "${var.prefix}-task"
    execution = "${var.prefix}-execution"
    endpoint  = "${var.prefix}-endpoint"
    scheduler = "${var.prefix}-scheduler"
    dev       = "${var.prefix}-terraform-dev"
  }
  role_arns = { for key, name in local.roles : key => "arn:${local.partition}:iam::${local.account_id}:role/${name}" }

  ecs_arn        = "arn:${local.partition}:ecs:${local.region}:${local.account_id}"
  cluster_arn    = "${local.ecs_arn}:cluster/${local.cluster}"
  service_arn    = "${local.ecs_arn}:service/${local.cluster}/${local.service}"
  tasks_arn      = "${local.ecs_arn}:task/${local.cluster}/*"
  definition_arn = "${local.ecs_arn}:task-definition/${local.service}:*"
  ledger_arn     = "arn:${local.partition}:dynamodb:${local.region}:${local.account_id}:table/${local.ledger_table}"
  function_arn   = "arn:${local.partition}:lambda:${local.region}:${local.account_id}:function:${local.endpoint_name}"
  ssm_arn        = "arn:${local.partition}:ssm:${local.region}:${local.account_id}:parameter"
  log_group_arns = [
    for group in distinct([local.agents_log_group, local.is_service ? local.endpoint_log_group : local.agents_log_group]) :
    "arn:${local.partition}:logs:${local.region}:${local.account_id}:log-group:${group}:*"
  ]

  # Images in ECR are the only ones whose pulling takes a permission.
  ecr_repository_arns = distinct([
    for image in concat([var.sidecar_image, var.agent_image], local.is_service ? [var.endpoint_image] : []) :
    format(
      "arn:%s:ecr:%s:%s:repository/%s",
      local.partition,
      regex(local.ecr_image, image)[1],
      regex(local.ecr_image, image)[0],
      regex(local.ecr_image, image)[2],
    )
    if can(regex(local.ecr_image, image))
  ])
  ecr_image = "^([0-9]{12})\\.dkr\\.ecr\\.([a-z0-9-]+)\\.amazonaws\\.com(?:\\.cn)?/([^:@]+)[:@]"
}
