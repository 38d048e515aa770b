# The ledger and the limits, items of one table.

resource "aws_dynamodb_table" "ledger" {
  # checkov:skip=CKV_AWS_119: encrypted with DynamoDB's own key; the ledger holds ids of runs and tasks, no secret
  region       = var.region
  name         = local.ledger_table
  billing_mode = "PAY_PER_REQUEST"
  hash_key     = "pk"
  tags         = local.tags

  attribute {
    name = "pk"
    type = "S"
  }

  point_in_time_recovery {
    enabled = true
  }
}

# Written when one of the three variables changes, and else left alone: a schedule that has changed
# desired_count since then is right.
resource "aws_dynamodb_table_item" "limits" {
  region     = var.region
  table_name = aws_dynamodb_table.ledger.name
  hash_key   = aws_dynamodb_table.ledger.hash_key
  item       = jsonencode(local.limits_item)

  lifecycle {
    ignore_changes       = [item]
    replace_triggered_by = [terraform_data.limits]
  }
}

resource "terraform_data" "limits" {
  input = local.limits_item
}
