# What everything is called. ARNs are written out, so that roles can name exactly what they are for
# before it exists.

locals {
  tags = merge(
    { Name = var.prefix, "managed-by" = "terraform" },
    var.ttl == null ? {} : { ttl = var.ttl },
    var.common_tags,
  )

  makes_cluster = var.ecs_cluster == null
  cluster       = local.makes_cluster ? var.prefix : var.ecs_cluster.name
  service       = "${var.prefix}-agents"
  ledger_table  = "${var.prefix}-ledger"
  # The partition of the service's items; see Sources/AWS/DynamoDB/LedgerItem.swift.
  ledger_key = "${local.cluster}/${local.service}"

  agents_log_group   = "/ecs/${var.prefix}-agents"
  endpoint_log_group = "/${var.endpoint == "lambda" ? "aws/lambda" : "ecs"}/${local.endpoint_name}"
  endpoint_name      = "${var.prefix}-scale-up"

  # What an endpoint has to know of a service that it serves; this one's is the output pool.
  own_pool = {
    cluster                = local.cluster
    service                = local.service
    ledger_table           = local.ledger_table
    capacity_providers     = keys(local.capacity)
    subnet_ids             = local.subnet_ids
    assign_public_ip       = local.assign_public_ip
    enable_execute_command = var.enable_execute_command
    kms_key_arns           = var.kms_key[*].arn
  }
  # Those that each role may do something with.
  pools_of = {
    task = [local.own_pool]
    # Chosen by number: a condition wants values of one type, which is not known before the values are.
    endpoint = concat(
      [for own in [local.own_pool] : own if length(var.pools) == 0],
      [for it in var.pools : [local.own_pool, it.pool][it.pool == null ? 0 : 1]],
    )
    scheduler = [local.own_pool]
  }

  # The secrets that there are: those that are made, by the names of their parameters, and those that
  # are there already.
  parameter_path = "/${var.prefix}"
  has_api        = var.terraform_api != null
  makes_secret = {
    agent_token        = var.existing_secrets.agent_token == null
    hmac_key           = local.has_endpoint && var.existing_secrets.hmac_key == null
    notification_token = var.notifications.own_token && var.existing_secrets.notification_configuration_token == null
    tfe_token          = local.has_api && var.existing_secrets.tfe_token == null
  }
  # Where ECS and the endpoint find each.
  agent_token_source = local.makes_secret.agent_token ? "${local.parameter_path}/agent-token" : var.existing_secrets.agent_token.arn
  hmac_key_source    = var.existing_secrets.hmac_key == null ? "${local.parameter_path}/hmac-key" : var.existing_secrets.hmac_key.arn
  tfe_token_source   = !local.has_api ? null : local.makes_secret.tfe_token ? "${local.parameter_path}/tfe-token" : var.existing_secrets.tfe_token.arn
  notification_token_source = (
    !var.notifications.own_token ? null
    : local.makes_secret.notification_token ? "${local.parameter_path}/notification-token"
    : var.existing_secrets.notification_configuration_token.arn
  )
  # What IAM calls them.
  agent_token_arn = local.makes_secret.agent_token ? "${local.ssm_arn}${local.parameter_path}/agent-token" : var.existing_secrets.agent_token.arn
  hmac_key_arn    = var.existing_secrets.hmac_key == null ? "${local.ssm_arn}${local.parameter_path}/hmac-key" : var.existing_secrets.hmac_key.arn
  tfe_token_arns  = !local.has_api ? [] : [local.makes_secret.tfe_token ? "${local.ssm_arn}${local.parameter_path}/tfe-token" : var.existing_secrets.tfe_token.arn]
  notification_token_arns = [
    for source in [local.notification_token_source] : startswith(source, "arn:") ? source : "${local.ssm_arn}${source}"
    if var.notifications.own_token
  ]
  # Those that the endpoint reads.
  endpoint_secret_arns = concat([local.hmac_key_arn], local.notification_token_arns, local.tfe_token_arns)

  # max_count 0 is the end of the service, whatever the other two say.
  is_ending     = var.max_count == 0
  desired_count = local.is_ending ? 0 : var.desired_count
  schedules     = local.is_ending ? [] : var.schedules

  # Weights of the capacity providers in use.
  capacity = {
    for name, weight in { FARGATE = 100 - var.spot_share, FARGATE_SPOT = var.spot_share } : name => weight if weight > 0
  }

  is_lambda    = var.endpoint == "lambda"
  is_service   = var.endpoint == "service"
  has_endpoint = var.endpoint != "none"
  # The endpoint has a security group where it is in the VPC.
  is_in_vpc = local.is_service || var.function_in_vpc

  # Roles are the account's, not the region's: the same prefix may be used in several regions.
  roles = {
    task      = "${var.prefix}-${local.region}-task"
    execution = "${var.prefix}-${local.region}-execution"
    endpoint  = "${var.prefix}-${local.region}-endpoint"
    scheduler = "${var.prefix}-${local.region}-scheduler"
    dev       = "${var.prefix}-${local.region}-terraform-dev"
  }
  role_arns = { for key, name in local.roles : key => "arn:${local.partition}:iam::${local.account_id}:role${var.role_path}${name}" }

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

  # Images in ECR are the only ones whose pulling takes a permission. Their addresses: IPv4 or both
  # (dkr.ecr, dkr-ecr), FIPS or not, under each partition's domain.
  ecr_image = "^([0-9]{12})\\.(?:dkr\\.ecr|dkr-ecr)(?:-fips)?\\.([a-z0-9-]+)\\.(?:on\\.)?(?:amazonaws|aws|amazonwebservices|c2s\\.ic|sc2s\\.sgov|cloud\\.adc-e|csp\\.hci\\.ic)(?:\\.[a-z]+)*/([^:@]+)[:@]"
  images = concat(
    [var.sidecar_image, var.agent_image],
    local.is_service ? [var.endpoint_image] : [],
    [for container in var.extra_containers : container.image],
  )
  ecr_repository_arns = distinct([
    for image in local.images : format(
      "arn:%s:ecr:%s:%s:repository/%s",
      local.partition,
      regex(local.ecr_image, image)[1],
      regex(local.ecr_image, image)[0],
      regex(local.ecr_image, image)[2],
    )
    if can(regex(local.ecr_image, image))
  ])

  # Secrets that ECS reads as a task starts, beside the module's own. An ARN may name one key of a
  # secret's JSON, its version stage and its version, which IAM does not know.
  brought_secrets = concat(
    values(var.container_secrets.agent),
    values(var.container_secrets.sidecar),
    values(var.container_secrets.endpoint),
    [for it in values(var.registry_credentials) : it.arn if it != null],
  )
  execution_secrets = distinct([
    for arn in concat([local.agent_token_arn], local.tfe_token_arns, local.brought_secrets) :
    can(regex(":secretsmanager:", arn)) ? join(":", slice(split(":", arn), 0, 7)) : arn
  ])
}
