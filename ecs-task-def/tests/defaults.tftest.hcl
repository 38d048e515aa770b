# What the module makes of the least that it is given. `terraform init && terraform test` in the
# module's folder; the providers are stood in for, so neither credentials nor AWS are needed.

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

run "makes_what_an_agent_needs" {
  command = apply

  assert {
    condition     = aws_ecs_service.agents.desired_count == 0 && aws_ecs_service.agents.deployment_maximum_percent == 100
    error_message = "Without jobs there are no agents, and never more than the service wants."
  }
  assert {
    condition     = length(aws_subnet.agents) == 2 && aws_ecs_service.agents.network_configuration[0].assign_public_ip
    error_message = "The new network has a subnet in each of two zones, and public addresses instead of a NAT gateway."
  }
  assert {
    condition     = output.webhook_url == aws_lambda_function_url.scale_up[0].function_url
    error_message = "The run task calls the function."
  }
  assert {
    condition     = output.cluster == "tfc" && output.service == "tfc-agents" && output.ledger_key == "tfc/tfc-agents"
    error_message = "Everything is called after the prefix."
  }
  assert {
    condition     = alltrue([for role in values(aws_iam_role.this) : role.permissions_boundary == null && role.path == "/"])
    error_message = "What a company sets is off by default."
  }
}

# In the state of the run before: what changes is the item, and nothing is made anew.
run "changes_limits_in_the_table" {
  command = apply

  variables {
    desired_count = 2
    max_count     = 20
    spare_count   = 1
  }

  assert {
    condition     = jsondecode(aws_dynamodb_table_item.limits.item).max_count.N == "20"
    error_message = "The limits stand in the table."
  }
  assert {
    condition     = aws_ecs_service.agents.desired_count == 0
    error_message = "The service's count is the ledger's after the first apply."
  }
}

run "ends_the_service" {
  command = apply

  variables {
    max_count     = 0
    desired_count = 2
    schedules     = [{ name = "day", expression = "rate(1 day)", desired_count = 5 }]
  }

  assert {
    condition     = jsondecode(aws_dynamodb_table_item.limits.item).desired_count.N == "0"
    error_message = "max_count 0 is the end, whatever the others say."
  }
  assert {
    condition     = length(aws_scheduler_schedule.desired_count) == 0 && length(aws_scheduler_schedule.sweep) == 1
    error_message = "No schedule raises the count of a service that ends; the sweep lets it follow."
  }
}
