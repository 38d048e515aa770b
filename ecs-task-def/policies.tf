# Who may do what. Nobody here may do more than one service, the items of one ledger, the parameters
# named and the tasks of one cluster need; the tests ask of each role what it may.
#
# All containers of a task have the task role, so a run has it too (unless agent_uses_task_role is
# false): assume that whoever can start a run in this pool can do what the task role can.

locals {
  # The service's size. UpdateService takes more than that, so everything is denied for which IAM has
  # a condition key; the README names the rest. A call for the size alone names none of these, yet ECS
  # may fill in some before it asks IAM (since March 2024 it does so with the task definition; Amazon
  # ECS API reference, UpdateService). Hence what is denied is never that a key is there, but that it
  # is there with a value that is neither the service's own nor the default of one left out.
  # It is denied of every service, since there is no other that these roles may update. Subnets:
  # subnet_statements, below.
  #
  # Those of each role: a run's is its own pool's, the endpoint's are those that it serves.
  services_of = {
    for role, pools in local.pools_of : role => {
      arns        = [for pool in pools : "${local.ecs_arn}:service/${pool.cluster}/${pool.service}"]
      definitions = [for pool in pools : "${local.ecs_arn}:task-definition/${pool.service}:*"]
      clusters    = distinct([for pool in pools : "${local.ecs_arn}:cluster/${pool.cluster}"])
      tasks       = distinct([for pool in pools : "${local.ecs_arn}:task/${pool.cluster}/*"])
      capacity    = distinct(flatten(pools[*].capacity_providers))
      subnets     = distinct(flatten(pools[*].subnet_ids))
      public      = anytrue(pools[*].assign_public_ip)
      shell       = anytrue(pools[*].enable_execute_command)
      tables      = distinct([for pool in pools : pool.ledger_table])
      ledger_keys = [for pool in pools : "${pool.cluster}/${pool.service}"]
      kms_keys    = distinct(flatten(pools[*].kms_key_arns))
    }
  }
  service_statements = {
    for role, own in local.services_of : role => concat(
      [
        {
          Sid      = "SizeOfTheService"
          Effect   = "Allow"
          Action   = ["ecs:DescribeServices", "ecs:UpdateService"]
          Resource = own.arns
        },
        {
          Sid      = "NoOtherTaskDefinition"
          Effect   = "Deny"
          Action   = ["ecs:UpdateService"]
          Resource = ["*"]
          # A negated condition holds for a key that is not there, hence Null.
          Condition = {
            Null       = { "ecs:task-definition" = "false" }
            ArnNotLike = { "ecs:task-definition" = own.definitions }
          }
        },
        {
          Sid      = "NoOtherCapacity"
          Effect   = "Deny"
          Action   = ["ecs:UpdateService"]
          Resource = ["*"]
          Condition = {
            # Documented as an ARN; the request has the name.
            "ForAnyValue:StringNotLike" = {
              "ecs:capacity-provider" = flatten([for name in own.capacity : [name, "*:capacity-provider/${name}"]])
            }
          }
        },
        {
          Sid       = "NoNamespace"
          Effect    = "Deny"
          Action    = ["ecs:UpdateService"]
          Resource  = ["*"]
          Condition = { StringLike = { "ecs:namespace" = "?*" } }
        },
      ],
      # Statements of their own: within one, several keys must all hold.
      [
        for sid, key in merge(
          {
            NoVolumes        = "ecs:enable-ebs-volumes"
            NoServiceConnect = "ecs:enable-service-connect"
            NoLattice        = "ecs:enable-vpc-lattice"
          },
          { for sid, key in { NoPublicAddress = "ecs:auto-assign-public-ip" } : sid => key if !own.public },
          { for sid, key in { NoShell = "ecs:enable-execute-command" } : sid => key if !own.shell },
          ) : {
          Sid       = sid
          Effect    = "Deny"
          Action    = ["ecs:UpdateService"]
          Resource  = ["*"]
          Condition = { Bool = { (key) = "true" } }
        }
      ],
      # Listing knows no resource but the cluster, which the condition names.
      [
        {
          Sid       = "TasksThatLive"
          Effect    = "Allow"
          Action    = ["ecs:ListTasks"]
          Resource  = ["*"]
          Condition = { ArnEquals = { "ecs:cluster" = own.clusters } }
        },
        # Which deployment a task is of, and why one did not start. The call names tasks, of which IAM
        # cannot tell the own one.
        {
          Sid       = "StartOfTasks"
          Effect    = "Allow"
          Action    = ["ecs:DescribeTasks"]
          Resource  = own.tasks
          Condition = { ArnEquals = { "ecs:cluster" = own.clusters } }
        },
      ],
    )
  }

  # In a policy of its own: the subnets of a new VPC have no name before they are made.
  subnet_statements = {
    for role, own in local.services_of : role => [
      {
        Sid      = "NoOtherSubnet"
        Effect   = "Deny"
        Action   = ["ecs:UpdateService"]
        Resource = ["*"]
        Condition = {
          "ForAnyValue:StringNotLike" = {
            "ecs:subnet" = flatten([for id in own.subnets : [id, "*:subnet/${id}"]])
          }
        }
      },
    ]
  }

  # Limits are for Terraform and the schedules to set, not for those whom they limit. They lie in the
  # ledger's partition, since one query reads both, and IAM tells partitions apart but no sort keys.
  # Hence a write may name no attribute but these, and among them are none of the limits' (DynamoDB
  # developer guide, Using IAM policy conditions for fine-grained access control). What the condition
  # looks at is what a request names, so it is no matter what an update returns. A transaction takes
  # the actions of its members. What is left to runs is in the README.
  ledger_attributes = concat(
    local.table_keys,
    ["format", "version", "writer", "size", "leaving", "exposed", "failed", "adopted", "recycled"],
    ["moves", "last_raise", "followed", "projected"],
    ["at", "task", "first"],
    ["kind", "expires"],
  )
  # DynamoDB takes a key for an attribute that the request names.
  table_keys = ["pk", "sk"]

  ledger_statements = {
    for role, own in local.services_of : role => [
      {
        Sid       = "ReadTheLedger"
        Effect    = "Allow"
        Action    = ["dynamodb:BatchGetItem", "dynamodb:GetItem", "dynamodb:Query"]
        Resource  = local.table_arns[role]
        Condition = { "ForAllValues:StringEquals" = { "dynamodb:LeadingKeys" = own.ledger_keys } }
      },
      {
        Sid      = "WriteTheLedger"
        Effect   = "Allow"
        Action   = ["dynamodb:DeleteItem", "dynamodb:PutItem", "dynamodb:UpdateItem"]
        Resource = local.table_arns[role]
        Condition = {
          "ForAllValues:StringEquals" = {
            "dynamodb:LeadingKeys" = own.ledger_keys
            "dynamodb:Attributes"  = local.ledger_attributes
          }
        }
      },
    ]
  }
  table_arns = {
    for role, own in local.services_of : role => [
      for table in own.tables : "arn:${local.partition}:dynamodb:${local.region}:${local.account_id}:table/${table}"
    ]
  }

  policies = {
    task = {
      Version = "2012-10-17"
      Statement = concat(
        local.service_statements["task"],
        local.ledger_statements["task"],
        [
          # Of every task in the cluster, which therefore has nobody else's. A session of the task
          # role is named after its task, but IAM has that name in aws:userid only, glued to the
          # role's id, and ECS gives it no key of this action that holds a task's id to compare.
          {
            Sid       = "ProtectionOfTasks"
            Effect    = "Allow"
            Action    = ["ecs:GetTaskProtection", "ecs:UpdateTaskProtection"]
            Resource  = [local.tasks_arn]
            Condition = { ArnEquals = { "ecs:cluster" = local.cluster_arn } }
          },
        ],
        [
          for arn in [local.role_arns.dev] : {
            Sid      = "WhatRunsMayDo"
            Effect   = "Allow"
            Action   = ["sts:AssumeRole"]
            Resource = [arn]
          } if var.agent_uses_task_role
        ],
        local.ledger_key_statements["task"],
        # The far end of a shell that somebody opened with ecs:ExecuteCommand; ssmmessages knows no
        # resources.
        [
          for actions in [local.shell_actions] : {
            Sid      = "Shell"
            Effect   = "Allow"
            Action   = actions
            Resource = ["*"]
          } if var.enable_execute_command
        ],
        [
          for arns in [local.file_system_arns] : {
            Sid      = "Volumes"
            Effect   = "Allow"
            Action   = ["elasticfilesystem:ClientMount", "elasticfilesystem:ClientWrite"]
            Resource = arns
          } if local.mounts_by_role
        ],
      )
    }

    endpoint = {
      Version = "2012-10-17"
      Statement = concat(
        local.service_statements["endpoint"],
        local.ledger_statements["endpoint"],
        [
          {
            Sid      = "ItsSecrets"
            Effect   = "Allow"
            Action   = ["ssm:GetParameter"]
            Resource = local.endpoint_secret_arns
          },
        ],
        local.ledger_key_statements["endpoint"],
        # Of the parameters that are made; the key of others is in secrets_kms_key_arns.
        [
          for key in [var.kms_key] : {
            Sid       = "KeyOfItsSecrets"
            Effect    = "Allow"
            Action    = ["kms:Decrypt"]
            Resource  = [key.arn]
            Condition = { StringLike = { "kms:EncryptionContext:PARAMETER_ARN" = local.endpoint_secret_arns } }
          } if key != null
        ],
        [
          for arns in [var.secrets_kms_key_arns] : {
            Sid       = "KeysOfSecretsBrought"
            Effect    = "Allow"
            Action    = ["kms:Decrypt"]
            Resource  = arns
            Condition = { StringLike = { "kms:EncryptionContext:PARAMETER_ARN" = local.endpoint_secret_arns } }
          } if length(arns) > 0
        ],
        # What Lambda does with the function's role to put it into a VPC; EC2 knows the interfaces only
        # when they are there. The function's own code is denied it (Lambda developer guide, VPC).
        [
          for actions in [local.interface_actions] : {
            Sid      = "InterfacesInTheVPC"
            Effect   = "Allow"
            Action   = actions
            Resource = ["*"]
          } if var.function_in_vpc
        ],
        [
          for arn in [local.function_arn] : {
            Sid       = "NotByTheFunctionItself"
            Effect    = "Deny"
            Action    = local.interface_actions
            Resource  = ["*"]
            Condition = { ArnEquals = { "lambda:SourceFunctionArn" = arn } }
          } if var.function_in_vpc
        ],
        [
          for group in [local.endpoint_log_group] : {
            Sid      = "Log"
            Effect   = "Allow"
            Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
            Resource = ["arn:${local.partition}:logs:${local.region}:${local.account_id}:log-group:${group}:*"]
          } if local.is_lambda
        ],
      )
    }

    # ECS itself, while it starts a task.
    execution = {
      Version = "2012-10-17"
      Statement = concat(
        [
          {
            Sid      = "Log"
            Effect   = "Allow"
            Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
            Resource = local.log_group_arns
          },
        ],
        [
          for arns in [[for arn in local.execution_secrets : arn if can(regex(":ssm:", arn))]] : {
            Sid      = "Parameters"
            Effect   = "Allow"
            Action   = ["ssm:GetParameters"]
            Resource = arns
          } if length(arns) > 0
        ],
        [
          for arns in [[for arn in local.execution_secrets : arn if can(regex(":secretsmanager:", arn))]] : {
            Sid      = "Secrets"
            Effect   = "Allow"
            Action   = ["secretsmanager:GetSecretValue"]
            Resource = arns
          } if length(arns) > 0
        ],
        [
          for key in [var.kms_key] : {
            Sid       = "KeyOfParameters"
            Effect    = "Allow"
            Action    = ["kms:Decrypt"]
            Resource  = [key.arn]
            Condition = { StringLike = { "kms:EncryptionContext:PARAMETER_ARN" = concat([local.agent_token_arn], local.tfe_token_arns) } }
          } if key != null
        ],
        [
          for arns in [var.secrets_kms_key_arns] : {
            Sid      = "KeysOfSecretsBrought"
            Effect   = "Allow"
            Action   = ["kms:Decrypt"]
            Resource = arns
          } if length(arns) > 0
        ],
        [
          for arns in [local.ecr_repository_arns] : {
            Sid    = "Images"
            Effect = "Allow"
            # The last two: what a first pull through a cache does.
            Action = concat(
              ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
              var.ecr_pull_through_cache ? ["ecr:BatchImportUpstreamImage", "ecr:CreateRepository"] : [],
            )
            Resource = arns
          } if length(arns) > 0
        ],
        # A token for the registry as such; what it can pull is the statement above.
        [
          for arns in [local.ecr_repository_arns] : {
            Sid      = "SignInToTheRegistry"
            Effect   = "Allow"
            Action   = ["ecr:GetAuthorizationToken"]
            Resource = ["*"]
          } if length(arns) > 0
        ],
      )
    }

    scheduler = {
      Version = "2012-10-17"
      Statement = concat(
        [
          for arn in [local.function_arn] : {
            Sid      = "Sweep"
            Effect   = "Allow"
            Action   = ["lambda:InvokeFunction"]
            Resource = [arn]
          } if local.is_lambda
        ],
        [
          for key in [local.ledger_key] : {
            Sid      = "ScheduledCount"
            Effect   = "Allow"
            Action   = ["dynamodb:UpdateItem"]
            Resource = [local.ledger_arn]
            Condition = {
              "ForAllValues:StringEquals" = {
                "dynamodb:LeadingKeys" = [key]
                "dynamodb:Attributes"  = concat(local.table_keys, ["desired_count"])
              }
            }
          } if length(local.schedules) > 0
        ],
        length(local.schedules) > 0 ? local.ledger_key_statements["scheduler"] : [],
      )
    }
  }

  # DynamoDB opens a table's key with the rights of whoever asks for an item (DynamoDB developer guide,
  # encryption at rest). By the context the key opens the table and nothing else that it encrypts.
  ledger_key_statements = {
    for role, own in local.services_of : role => [
      for keys in [own.kms_keys] : {
        Sid       = "KeyOfTheLedger"
        Effect    = "Allow"
        Action    = ["kms:Decrypt"]
        Resource  = keys
        Condition = { StringEquals = { "kms:EncryptionContext:aws:dynamodb:tableName" = own.tables } }
      } if length(keys) > 0
    ]
  }

  shell_actions = [
    "ssmmessages:CreateControlChannel",
    "ssmmessages:CreateDataChannel",
    "ssmmessages:OpenControlChannel",
    "ssmmessages:OpenDataChannel",
  ]
  interface_actions = [
    "ec2:AssignPrivateIpAddresses",
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:UnassignPrivateIpAddresses",
  ]

  mounts_by_role = anytrue([for volume in values(var.volumes) : volume.efs == null ? false : volume.efs.iam])
  file_system_arns = distinct([
    for volume in values(var.volumes) :
    "arn:${local.partition}:elasticfilesystem:${local.region}:${local.account_id}:file-system/${volume.efs.file_system_id}"
    if volume.efs == null ? false : volume.efs.iam
  ])

  # Only the service of this account, so that it cannot be talked into acting for another one.
  trust = {
    for role, service in {
      task      = "ecs-tasks.amazonaws.com"
      execution = "ecs-tasks.amazonaws.com"
      endpoint  = local.is_lambda ? "lambda.amazonaws.com" : "ecs-tasks.amazonaws.com"
      scheduler = "scheduler.amazonaws.com"
      } : role => {
      Version = "2012-10-17"
      Statement = [
        merge(
          {
            Effect    = "Allow"
            Action    = ["sts:AssumeRole"]
            Principal = { Service = [service] }
          },
          # Lambda does not say for whom it asks.
          service == "lambda.amazonaws.com" ? {} : {
            Condition = { StringEquals = { "aws:SourceAccount" = local.account_id } }
          },
        )
      ]
    }
  }

  # Whatever terraform_dev_policy_arns allow, ReadOnlyAccess among them: not the pool's own secrets.
  # GetParametersByPath is judged by the path that is asked for, not by what lies below it, so the
  # paths above are denied as well; and without their key the values stay closed whichever way they
  # are read (Systems Manager user guide, ps-restrict-parameter-access and ps-restrict-decryption).
  dev_policy = {
    Version   = "2012-10-17"
    Statement = concat(local.own_secrets_statements, local.brought_secrets_statements)
  }

  # Secrets that were brought along, but for those of the agent's container, which runs have anyway.
  closed_secrets = distinct([
    for arn in concat(
      local.makes_secret.agent_token ? [] : [local.agent_token_arn],
      local.makes_secret.hmac_key ? [] : [local.hmac_key_arn],
      local.makes_secret.notification_token ? [] : local.notification_token_arns,
      local.makes_secret.tfe_token ? [] : local.tfe_token_arns,
      values(var.container_secrets.sidecar),
      values(var.container_secrets.endpoint),
      [for it in values(var.registry_credentials) : it.arn if it != null],
    ) : can(regex(":secretsmanager:", arn)) ? join(":", slice(split(":", arn), 0, 7)) : arn
  ])
  closed_parameters = [for arn in local.closed_secrets : arn if can(regex(":ssm:", arn))]
  closed_in_manager = [for arn in local.closed_secrets : arn if can(regex(":secretsmanager:", arn))]
  # /a/b/c is read from /a/b and from /a as well; from / nothing is.
  closed_paths = distinct(flatten([
    for arn in local.closed_parameters : [
      for count in range(1, length(split("/", arn))) : join("/", slice(split("/", arn), 0, count)) if count > 1
    ]
  ]))
  brought_secrets_statements = concat(
    [
      for arns in [local.closed_parameters] : {
        Sid    = "NotParametersBrought"
        Effect = "Deny"
        Action = [
          "ssm:GetParameter",
          "ssm:GetParameterHistory",
          "ssm:GetParameters",
          "ssm:GetParametersByPath",
        ]
        Resource = arns
      } if length(arns) > 0
    ],
    [
      for arns in [local.closed_paths] : {
        Sid      = "NotFromAboveThem"
        Effect   = "Deny"
        Action   = ["ssm:GetParametersByPath"]
        Resource = arns
      } if length(arns) > 0
    ],
    [
      for arns in [local.closed_parameters] : {
        Sid       = "NotTheKeyOfThem"
        Effect    = "Deny"
        Action    = ["kms:Decrypt"]
        Resource  = ["*"]
        Condition = { StringLike = { "kms:EncryptionContext:PARAMETER_ARN" = arns } }
      } if length(arns) > 0
    ],
    [
      for arns in [local.closed_in_manager] : {
        Sid      = "NotSecretsBrought"
        Effect   = "Deny"
        Action   = ["secretsmanager:BatchGetSecretValue", "secretsmanager:GetSecretValue"]
        Resource = arns
      } if length(arns) > 0
    ],
    [
      for arns in [local.closed_in_manager] : {
        Sid       = "NotTheirKeyEither"
        Effect    = "Deny"
        Action    = ["kms:Decrypt"]
        Resource  = ["*"]
        Condition = { StringLike = { "kms:EncryptionContext:SecretARN" = arns } }
      } if length(arns) > 0
    ],
  )
  own_secrets_statements = [
    {
      Sid    = "NotThePoolsSecrets"
      Effect = "Deny"
      Action = [
        "ssm:GetParameter",
        "ssm:GetParameterHistory",
        "ssm:GetParameters",
        "ssm:GetParametersByPath",
      ]
      Resource = ["${local.ssm_arn}${local.parameter_path}", "${local.ssm_arn}${local.parameter_path}/*"]
    },
    {
      Sid      = "NotFromAbove"
      Effect   = "Deny"
      Action   = ["ssm:GetParametersByPath"]
      Resource = ["${local.ssm_arn}/"]
    },
    {
      Sid       = "NotTheirKey"
      Effect    = "Deny"
      Action    = ["kms:Decrypt"]
      Resource  = ["*"]
      Condition = { StringLike = { "kms:EncryptionContext:PARAMETER_ARN" = "${local.ssm_arn}${local.parameter_path}/*" } }
    },
  ]

  dev_trust = {
    Version = "2012-10-17"
    Statement = [
      {
        Effect    = "Allow"
        Action    = ["sts:AssumeRole"]
        Principal = { AWS = [local.role_arns.task] }
      },
    ]
  }
}
