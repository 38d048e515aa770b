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
    tfc_address               = var.tfc_address
    agent_single              = var.agent_single
    agent_hide_task_role      = !var.agent_uses_task_role
    agent_token_parameter     = local.agent_token_parameter
    log_group                 = local.agents_log_group
  }))

  # The limits stand in the table, where changing one restarts nothing. In the environment they would
  # make a new revision of the task definition, and so a deployment, of every change.
  limits_variables = ["DESIRED_COUNT", "MAX_COUNT", "SPARE_COUNT"]

  # What differs from the file, by container.
  changes = {
    "agent-sidecar" = merge(
      {
        environment = [
          for pair in local.filled.containerDefinitions[0].environment : pair if !contains(local.limits_variables, pair.name)
        ]
      },
      { for key, value in { secrets = local.tfe_token_secrets } : key => value if local.has_tfe_token },
    )
    "tfc-agent" = {
      for key, value in { cpu = var.task_def_cpu, memory = var.task_def_mem } : key => value if value != null
    }
  }

  # ECS reads it with the execution role and gives it to the sidecar's container, whose environment a
  # run does not see. By TFE_TOKEN_PARAMETER the sidecar would read it with the task role, and a run
  # has that role as well. The endpoint's role is nobody else's, so the endpoint reads it by itself.
  tfe_token_secrets = [
    for parameter in [local.tfe_token_parameter] : { name = "TFE_TOKEN", valueFrom = parameter } if local.has_tfe_token
  ]

  task_definition = merge(local.filled, {
    containerDefinitions = [
      for container in local.filled.containerDefinitions : merge(container, local.changes[container.name])
    ]
  })

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
    {
      ECS_CLUSTER                 = local.cluster
      ECS_SERVICE                 = local.service
      LEDGER_TABLE                = local.ledger_table
      RUN_TASK_HMAC_KEY_PARAMETER = local.hmac_key_parameter
      TFC_ADDRESS                 = var.tfc_address
      ANNOUNCE_STAGES             = join(",", var.announce_stages)
    },
    length(var.announce_workspaces) == 0 ? {} : { ANNOUNCE_WORKSPACES = join(",", var.announce_workspaces) },
    {
      for name, value in {
        TFC_ORGANIZATION    = var.tfc_organization
        TFC_AGENT_POOL_NAME = var.tfc_agent_pool_name
        TFC_AGENT_POOL_ID   = var.tfc_agent_pool_id
        TFE_TOKEN_PARAMETER = local.tfe_token_parameter
      } : name => value if local.has_tfe_token && value != null
    },
  )

  # The endpoint as a task, for endpoint = "service".
  endpoint_container = {
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
    environment  = [for name, value in local.endpoint_environment : { name = name, value = value }]
    logConfiguration = {
      logDriver = "awslogs"
      options = {
        "awslogs-group"         = local.endpoint_log_group
        "awslogs-region"        = local.region
        "awslogs-stream-prefix" = "scale-up"
      }
    }
  }
}
