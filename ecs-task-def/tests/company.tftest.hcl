# What a company sets, and where the module goes into its network.

mock_provider "aws" {
  source = "./tests/aws"
}

mock_provider "random" {}

variables {
  prefix          = "tfc"
  tfc_agent_token = "secret-of-the-pool"
  sidecar_image   = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/agent-sidecar:v1"
  endpoint_image  = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/scale-up:v1"
}

run "stays_within_the_boundary" {
  command = plan

  variables {
    permissions_boundary_arn = "arn:aws:iam::123456789012:policy/boundary"
    role_path                = "/platform/"
    kms_key                  = { arn = "arn:aws:kms:eu-central-1:123456789012:key/1234" }
  }

  assert {
    condition = alltrue([
      for role in concat(values(aws_iam_role.this), aws_iam_role.dev) :
      role.permissions_boundary == var.permissions_boundary_arn && role.path == "/platform/"
    ])
    error_message = "Every role has boundary and path."
  }
  assert {
    condition     = aws_ssm_parameter.agent_token[0].key_id == var.kms_key.arn && aws_cloudwatch_log_group.agents.kms_key_id == var.kms_key.arn
    error_message = "Secrets and logs have the key."
  }
}

run "goes_into_a_network_that_is_there" {
  command = plan

  variables {
    network     = { vpc_id = "vpc-1", subnet_ids = ["subnet-1", "subnet-2"] }
    ecs_cluster = { name = "shared" }
    existing_secrets = {
      agent_token = { arn = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:agents-AbCdEf" }
    }
    tfc_agent_token = null
  }

  assert {
    condition     = length(aws_vpc.this) == 0 && length(aws_ecs_cluster.this) == 0 && length(aws_ssm_parameter.agent_token) == 0
    error_message = "What is there is not made."
  }
  assert {
    condition     = aws_ecs_service.agents.cluster == "arn:aws:ecs:eu-central-1:123456789012:cluster/shared"
    error_message = "The service is in the cluster that is there."
  }
  assert {
    condition     = !aws_ecs_service.agents.network_configuration[0].assign_public_ip
    error_message = "In a network that is there, agents have no public address unless it is asked for."
  }
}

run "refuses_subnets_of_another_network" {
  command = plan

  variables {
    network = { vpc_id = "vpc-1", subnet_ids = ["subnet-1", "subnet-of-another"] }
  }

  expect_failures = [data.aws_subnets.given]
}

run "refuses_what_aws_keeps_for_itself" {
  command = plan

  variables {
    prefix      = "aws-agents"
    common_tags = { "aws:team" = "platform" }
  }

  expect_failures = [var.prefix, var.common_tags]
}

run "refuses_to_set_a_name_twice" {
  command = plan

  variables {
    environment = { sidecar = { LEDGER_TABLE = "another" } }
  }

  expect_failures = [aws_ecs_task_definition.agents]
}

run "refuses_more_zones_than_there_are" {
  command = plan

  variables {
    availability_zone_count = 4
  }

  expect_failures = [data.aws_availability_zones.this]
}
