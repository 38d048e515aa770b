# What is written rather than made: the task definition, filled in, and the items and inputs that
# others read.

locals {
  filled = jsondecode(templatefile("${path.module}/task-definition.json", {
    family                    = local.service
    cluster                   = local.cluster
    service                   = local.service
    region                    = local.region
    task_role_arn             = local.role_arns.task
    execution_role_arn        = local.role_arns.execution
    task_cpu                  = var.task_cpu
    task_mem                  = var.task_mem
    cpu_architecture          = var.cpu_architecture
    sidecar_image             = var.sidecar_image
    agent_image               = var.agent_image
    ledger_table              = local.ledger_table
    desired_count             = var.desired_count
    max_count                 = var.max_count
    spare_count               = var.spare_count
    idle_timeout_seconds      = var.idle_timeout_seconds
    first_job_timeout_seconds = var.first_job_timeout_seconds
    max_lifetime_seconds      = var.max_lifetime_seconds
    protection_minutes        = var.protection_minutes
    hand_over_limit_seconds   = var.hand_over_limit_seconds
    tfc_address               = var.tfc_address
    agent_mode                = var.agent_mode
    agent_user                = var.agent_user == null ? "" : var.agent_user
    agent_keep                = join(":", var.agent_keep)
    max_jobs                  = var.max_jobs
    agent_hide_task_role      = !var.agent_uses_task_role
    agent_token_parameter     = local.agent_token_source
    log_group                 = local.agents_log_group
  }))

  # Its containers by their names.
  filled_containers = { for container in local.filled.containerDefinitions : container.name => container }

  # The limits stand in the table, where changing one restarts nothing. In the environment they would
  # make a new revision of the task definition, and so a deployment, of every change.
  limits_variables = ["DESIRED_COUNT", "MAX_COUNT", "SPARE_COUNT"]

  # What sidecar and endpoint have beside what is theirs alone.
  common_environment = merge(
    {
      LOG_LEVEL                     = var.log_level
      METRICS                       = local.metrics_on ? "on" : "off"
      ANNOUNCED_JOB_TIMEOUT_SECONDS = tostring(var.announced_job_timeout_seconds)
    },
    { for name, text in { CA_BUNDLE = var.ca_bundle } : name => text if text != null },
    var.aws_endpoints == null ? {} : { for service, url in var.aws_endpoints : "AWS_ENDPOINT_URL_${upper(service)}" => url },
    # As AWS's own SDKs have them; the programs know the names of every partition.
    {
      for name, is_on in { AWS_USE_FIPS_ENDPOINT = var.use_fips_endpoints, AWS_USE_DUALSTACK_ENDPOINT = var.use_dualstack_endpoints } :
      name => "true" if is_on
    },
    { for name, value in local.proxy_environment : name => value if startswith(name, "HTTPS_") || startswith(name, "NO_") },
  )
  # Credentials, protection and metadata of a task, and Lambda's own service, are never behind a proxy.
  proxy_environment = var.proxy == null ? {} : {
    HTTPS_PROXY = var.proxy.url
    HTTP_PROXY  = var.proxy.url
    # Many programs read this one in small letters only, so that no request header can set it.
    http_proxy = var.proxy.url
    NO_PROXY   = join(",", concat(["127.0.0.1", "localhost", "169.254.169.254", "169.254.170.2"], var.proxy.no_proxy))
  }

  # What the module sets by itself, by container; what is beside it comes from environment and
  # container_secrets, which may not have the same names.
  own_environment = {
    "agent-sidecar" = merge(
      {
        for pair in local.filled_containers["agent-sidecar"].environment : pair.name => pair.value
        if !contains(local.limits_variables, pair.name)
      },
      local.common_environment,
    )
    "tfc-agent" = merge(
      { for pair in local.filled_containers["tfc-agent"].environment : pair.name => pair.value },
      local.proxy_environment,
    )
  }
  own_names = {
    sidecar  = concat(keys(local.own_environment["agent-sidecar"]), local.limits_variables, ["TFE_TOKEN", "TFE_TOKEN_PARAMETER"])
    agent    = concat(keys(local.own_environment["tfc-agent"]), ["TFC_AGENT_TOKEN", "TFC_AGENT_NAME", "TFC_AGENT_SINGLE"])
    endpoint = concat(keys(local.endpoint_environment), local.limits_variables, ["ECS_SERVICE", "NOTIFICATION_TOKEN", "NOTIFICATION_TOKEN_PARAMETER", "POOLS", "POOLS_FILE", "RUN_TASK_HMAC_KEY", "TFE_TOKEN", "TFE_TOKEN_PARAMETER", "LISTEN_ADDRESS", "PORT"])
  }
  # Names that are given twice.
  clashes = distinct(concat([
    for container, own in local.own_names : concat(
      [for name in keys(var.environment[container]) : "environment.${container}.${name}" if contains(own, name) || contains(keys(var.container_secrets[container]), name)],
      [for name in keys(var.container_secrets[container]) : "container_secrets.${container}.${name}" if contains(own, name)],
    )
  ]...))

  # What a container has beside root's name when it is to be renewed: of the capabilities that Fargate
  # gives those that the launcher needs (Sources/Renewal/Capabilities.swift). Fargate adds none but
  # SYS_PTRACE (Amazon ECS API reference, KernelCapabilities), so the others are named, not ALL.
  renewing = {
    user = "0"
    linuxParameters = {
      capabilities = {
        drop = ["AUDIT_WRITE", "MKNOD", "NET_BIND_SERVICE", "NET_RAW", "SETFCAP", "SYS_CHROOT"]
      }
    }
  }

  # What differs from the file, by container.
  changes = {
    "agent-sidecar" = merge(
      {
        environment = [
          for name, value in merge(var.environment.sidecar, local.own_environment["agent-sidecar"]) : { name = name, value = value }
        ]
        mountPoints = concat(local.filled_containers["agent-sidecar"].mountPoints, [
          for it in var.mounts.sidecar : { sourceVolume = it.volume, containerPath = it.path, readOnly = it.read_only }
        ])
      },
      {
        for key, value in { secrets = local.sidecar_secrets } : key => value
        if local.has_api || length(var.container_secrets.sidecar) > 0
      },
      { for key, it in { repositoryCredentials = var.registry_credentials.sidecar } : key => { credentialsParameter = it.arn } if it != null },
    )
    "tfc-agent" = merge(
      {
        environment = [
          for name, value in merge(var.environment.agent, local.own_environment["tfc-agent"]) : { name = name, value = value }
        ]
        mountPoints = concat(local.filled_containers["tfc-agent"].mountPoints, [
          for it in var.mounts.agent : { sourceVolume = it.volume, containerPath = it.path, readOnly = it.read_only }
        ])
        secrets = concat(local.filled_containers["tfc-agent"].secrets, [
          for name, arn in var.container_secrets.agent : { name = name, valueFrom = arn }
        ])
      },
      { for key, value in { cpu = var.task_def_cpu, memory = var.task_def_mem } : key => value if value != null },
      { for key, value in { command = var.agent_command } : key => value if length(value) > 0 },
      # The launcher is another user than the agent, and starts it as agent_user without any of these.
      { for key, value in local.renewing : key => value if var.agent_mode == "renewed" },
      {
        for key, files in { ulimits = var.agent_open_files } : key => [{ name = "nofile", softLimit = files, hardLimit = files }]
        if files != null
      },
      { for key, it in { repositoryCredentials = var.registry_credentials.agent } : key => { credentialsParameter = it.arn } if it != null },
    )
  }

  # The container that delivers the launcher is the sidecar's in all but what it does: it fails where
  # that could not start. It needs none of its secrets.
  changes_of = merge(local.changes, {
    "launcher-delivery" = { for key, value in local.changes["agent-sidecar"] : key => value if key != "secrets" }
  })

  # ECS reads it with the execution role and gives it to the sidecar's container, whose environment a
  # run does not see. By TFE_TOKEN_PARAMETER the sidecar would read it with the task role, and a run
  # has that role as well. The endpoint's role is nobody else's, so the endpoint reads it by itself.
  sidecar_secrets = concat(
    [for source in [local.tfe_token_source] : { name = "TFE_TOKEN", valueFrom = source } if local.has_api],
    [for name, arn in var.container_secrets.sidecar : { name = name, valueFrom = arn }],
  )

  # Never essential: the end of one would end the task, and the run in it.
  extra_containers = [
    for container in var.extra_containers : merge(
      {
        logConfiguration = {
          logDriver = "awslogs"
          options = {
            "awslogs-group"         = local.agents_log_group
            "awslogs-region"        = local.region
            "awslogs-stream-prefix" = container.name
            "mode"                  = "non-blocking"
            "max-buffer-size"       = "4m"
          }
        }
      },
      container,
      { essential = false },
    )
  ]

  container_definitions = concat(
    [for container in local.filled.containerDefinitions : merge(container, local.changes_of[container.name])],
    local.extra_containers,
  )

  limits_item = {
    pk            = { S = local.ledger_key }
    sk            = { S = "limits" }
    desired_count = { N = tostring(local.desired_count) }
    max_count     = { N = tostring(var.max_count) }
    spare_count   = { N = tostring(var.spare_count) }
  }

  # Holds where there is no limits item.
  ending_item = {
    pk            = { S = local.ledger_key }
    sk            = { S = "limits/ending" }
    desired_count = { N = "0" }
    max_count     = { N = "0" }
  }

  # What a schedule writes, at first without a count: until one has come, desired_count holds.
  scheduled_item = {
    pk = { S = local.ledger_key }
    sk = { S = "limits/scheduled" }
  }

  # Inputs of UpdateItem, by the name of the schedule. Only where the item is: one that fires while
  # Terraform makes or removes the item must not make it anew.
  schedule_inputs = {
    for schedule in local.schedules : schedule.name => {
      TableName                 = local.ledger_table
      Key                       = local.scheduled_item
      ConditionExpression       = "attribute_exists(pk)"
      UpdateExpression          = "SET desired_count = :desired"
      ExpressionAttributeValues = { ":desired" = { N = tostring(schedule.desired_count) } }
    }
  }

  endpoint_environment = merge(
    local.common_environment,
    {
      ECS_CLUSTER                 = local.cluster
      LEDGER_TABLE                = local.ledger_table
      RUN_TASK_HMAC_KEY_PARAMETER = local.hmac_key_source
      TFC_ADDRESS                 = var.tfc_address
      ANNOUNCE_STAGES             = join(",", var.announce_stages)
      # Empty counts as unset: all of them.
      ANNOUNCE_WORKSPACES  = join(",", var.announce_workspaces)
      ANNOUNCE_RUN_CREATED = tostring(var.notifications.announce_run_created)
    },
    { for name, ranges in { ALLOWED_ADDRESSES = var.allowed_addresses, TRUSTED_PROXIES = var.trusted_proxies } : name => join(",", ranges) if length(ranges) > 0 },
    { for name, source in { NOTIFICATION_TOKEN_PARAMETER = local.notification_token_source } : name => source if var.notifications.own_token },
    var.terraform_api == null ? {} : {
      TFC_ORGANIZATION    = var.terraform_api.organization
      TFE_TOKEN_PARAMETER = local.tfe_token_source
    },
    length(var.pools) > 0 ? { POOLS = jsonencode(local.served) } : { ECS_SERVICE = local.service },
    length(var.pools) > 0 || var.terraform_api == null ? {} : {
      TFC_AGENT_POOL_NAME = var.terraform_api.agent_pool_name
      TFC_AGENT_POOL_ID   = var.terraform_api.agent_pool_id == null ? "" : var.terraform_api.agent_pool_id
    },
  )

  # The pools as the endpoint reads them: nothing for what is left out. Whose waiting runs the sweep
  # announces is said of this module's own in terraform_api.
  served = [
    for index, it in var.pools : {
      for key, value in {
        name            = it.name
        ecs_cluster     = local.pools_of.endpoint[index].cluster
        ecs_service     = local.pools_of.endpoint[index].service
        ledger_table    = local.pools_of.endpoint[index].ledger_table
        agent_pool_name = it.pool == null ? try(var.terraform_api.agent_pool_name, null) : it.agent_pool_name
        agent_pool_id   = it.pool == null ? try(var.terraform_api.agent_pool_id, null) : it.agent_pool_id
        when            = it.when == null ? null : { for condition, values in it.when : condition => values if values != null }
        default         = it.default
      } : key => value if value != null
    }
  ]

  # The endpoint as a task, for endpoint = "service".
  endpoint_container = merge(
    {
      name                   = "scale-up"
      image                  = var.endpoint_image
      essential              = true
      entryPoint             = ["/usr/local/bin/scale-up-server"]
      user                   = "65532"
      readonlyRootFilesystem = true
      linuxParameters        = { capabilities = { drop = ["ALL"] } }
      # Long enough to answer what has been taken, short of ECS's patience.
      stopTimeout  = 60
      portMappings = [{ containerPort = 8080, protocol = "tcp" }]
      environment = [
        for name, value in merge(var.environment.endpoint, local.endpoint_environment) : { name = name, value = value }
      ]
      logConfiguration = {
        logDriver = "awslogs"
        options = {
          "awslogs-group"         = local.endpoint_log_group
          "awslogs-region"        = local.region
          "awslogs-stream-prefix" = "scale-up"
        }
      }
    },
    {
      for key, secrets in { secrets = var.container_secrets.endpoint } : key => [
        for name, arn in secrets : { name = name, valueFrom = arn }
      ] if length(secrets) > 0
    },
    { for key, it in { repositoryCredentials = var.registry_credentials.endpoint } : key => { credentialsParameter = it.arn } if it != null },
  )
}
