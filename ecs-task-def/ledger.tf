# The ledger's table, and in it the limits.

resource "aws_dynamodb_table" "ledger" {
  # checkov:skip=CKV_AWS_119: encrypted with DynamoDB's own key unless kms_key names one; the ledger holds ids of runs and tasks, no secret
  region       = var.region
  name         = local.ledger_table
  billing_mode = "PAY_PER_REQUEST"
  hash_key     = "pk"
  range_key    = "sk"
  tags         = local.tags

  attribute {
    name = "pk"
    type = "S"
  }

  attribute {
    name = "sk"
    type = "S"
  }

  # Tasks that have departed.
  ttl {
    attribute_name = "expires"
    enabled        = true
  }

  point_in_time_recovery {
    enabled = true
  }

  dynamic "server_side_encryption" {
    for_each = var.kms_key == null ? [] : [var.kms_key]
    content {
      enabled     = true
      kms_key_arn = server_side_encryption.value.arn
    }
  }
}

# Changed in place, since without it the service is ending: what is below then holds. Terraform cannot
# write when it destroys, but it can take this away first, before the service: from then on nobody
# adds agents, idle ones leave, and nobody takes the count that Terraform sets for a fault.
resource "aws_dynamodb_table_item" "limits" {
  region     = var.region
  table_name = aws_dynamodb_table.ledger.name
  hash_key   = aws_dynamodb_table.ledger.hash_key
  range_key  = aws_dynamodb_table.ledger.range_key
  item       = jsonencode(local.limits_item)

  depends_on = [aws_ecs_service.agents]
}

resource "aws_dynamodb_table_item" "ending" {
  region     = var.region
  table_name = aws_dynamodb_table.ledger.name
  hash_key   = aws_dynamodb_table.ledger.hash_key
  range_key  = aws_dynamodb_table.ledger.range_key
  item       = jsonencode(local.ending_item)
}

# Where there are schedules. Terraform makes and removes it; what is in it is theirs.
resource "aws_dynamodb_table_item" "scheduled" {
  count      = length(local.schedules) > 0 ? 1 : 0
  region     = var.region
  table_name = aws_dynamodb_table.ledger.name
  hash_key   = aws_dynamodb_table.ledger.hash_key
  range_key  = aws_dynamodb_table.ledger.range_key
  item       = jsonencode(local.scheduled_item)

  lifecycle {
    ignore_changes = [item]
  }
}
