# The scale-up endpoint as a Lambda function behind a function URL.

resource "aws_lambda_function" "scale_up" {
  # checkov:skip=CKV_AWS_50: a call is three log lines; tracing would add a price to each
  # checkov:skip=CKV_AWS_115: a new account may reserve no concurrency at all, so that is function_reserved_concurrency's to say
  # checkov:skip=CKV_AWS_116: HCP Terraform repeats a call, and the schedule comes again: nothing is asynchronous that could be lost
  # checkov:skip=CKV_AWS_117: it needs nothing of the VPC, and in one it would need a NAT gateway; function_in_vpc puts it there
  # checkov:skip=CKV_AWS_173: encrypted with Lambda's own key; it holds names, and no secret
  # checkov:skip=CKV_AWS_272: code signing is for zip archives, this is an image, named by its digest
  count         = local.is_lambda ? 1 : 0
  region        = var.region
  function_name = local.endpoint_name
  description   = "Starts agents when a run task says that a run needs one"
  role          = aws_iam_role.this["endpoint"].arn
  package_type  = "Image"
  image_uri     = var.endpoint_image
  architectures = [var.cpu_architecture == "ARM64" ? "arm64" : "x86_64"]
  memory_size   = 256
  timeout       = 30
  tags          = local.tags

  reserved_concurrent_executions = var.function_reserved_concurrency

  image_config {
    entry_point = ["/usr/local/bin/scale-up-lambda"]
  }

  environment {
    variables = merge(var.environment.endpoint, local.endpoint_environment)
  }

  dynamic "vpc_config" {
    for_each = var.function_in_vpc ? [local.subnet_ids] : []
    content {
      subnet_ids         = vpc_config.value
      security_group_ids = aws_security_group.endpoint[*].id
    }
  }

  logging_config {
    log_format = "Text"
    log_group  = aws_cloudwatch_log_group.endpoint[0].name
  }

  depends_on = [
    aws_dynamodb_table_item.limits,
    # It goes before the service: nobody may raise what is being taken down.
    aws_ecs_service.agents,
    aws_iam_role_policy.subnets,
    aws_iam_role_policy.this,
    aws_ssm_parameter.hmac_key,
    aws_ssm_parameter.notification_token,
    aws_ssm_parameter.tfe_token,
    aws_vpc_security_group_egress_rule.endpoint,
  ]
}

resource "aws_lambda_function_url" "scale_up" {
  # checkov:skip=CKV_AWS_258: HCP Terraform cannot sign for IAM; it signs with the HMAC key, which is checked before anything else
  count              = local.is_lambda ? 1 : 0
  region             = var.region
  function_name      = aws_lambda_function.scale_up[0].function_name
  authorization_type = "NONE"
}

# Since October 2025 a URL that anybody may call takes both permissions.
resource "aws_lambda_permission" "call_url" {
  # checkov:skip=CKV_AWS_364: the principal is everybody, who has no account to name; the HMAC key decides
  # checkov:skip=CKV_AWS_301: public by its nature, see CKV_AWS_258
  count                  = local.is_lambda ? 1 : 0
  region                 = var.region
  statement_id           = "CallTheURL"
  action                 = "lambda:InvokeFunctionUrl"
  function_name          = aws_lambda_function.scale_up[0].function_name
  principal              = "*"
  function_url_auth_type = "NONE"

  # They are one policy: of two that write it at once, Lambda refuses one with 409.
  depends_on = [aws_lambda_function_url.scale_up]
}

resource "aws_lambda_permission" "invoke_by_url" {
  # checkov:skip=CKV_AWS_364: the principal is everybody, who has no account to name; the HMAC key decides
  # checkov:skip=CKV_AWS_301: public by its nature, but through the URL only
  count                    = local.is_lambda ? 1 : 0
  region                   = var.region
  statement_id             = "InvokeByTheURL"
  action                   = "lambda:InvokeFunction"
  function_name            = aws_lambda_function.scale_up[0].function_name
  principal                = "*"
  invoked_via_function_url = true

  depends_on = [aws_lambda_permission.call_url]
}

resource "aws_cloudwatch_log_group" "endpoint" {
  # checkov:skip=CKV_AWS_158: encrypted with CloudWatch's own key unless kms_key names one, which costs by the month
  # checkov:skip=CKV_AWS_338: log_retention_days is the owner's choice
  count             = local.has_endpoint ? 1 : 0
  region            = var.region
  name              = local.endpoint_log_group
  retention_in_days = var.log_retention_days
  kms_key_id        = local.kms_key_arn
  tags              = local.tags
}
