# The roles; what each may do is in policies.tf.

resource "aws_iam_role" "this" {
  for_each             = toset(concat(["execution", "scheduler", "task"], local.has_endpoint ? ["endpoint"] : []))
  name                 = local.roles[each.key]
  path                 = var.role_path
  assume_role_policy   = jsonencode(local.trust[each.key])
  permissions_boundary = var.permissions_boundary_arn
  tags                 = local.tags
}

resource "aws_iam_role_policy" "this" {
  # The scheduler has nothing to do where there is no sweep and no schedule.
  for_each = toset(concat(
    ["execution", "task"],
    local.has_endpoint ? ["endpoint"] : [],
    local.is_lambda || length(local.schedules) > 0 ? ["scheduler"] : [],
  ))
  name   = local.roles[each.key]
  role   = aws_iam_role.this[each.key].id
  policy = jsonencode(local.policies[each.key])
}

# Beside the policy above, since the subnets of a new VPC have no name when that is written.
resource "aws_iam_role_policy" "subnets" {
  for_each = toset(concat(["task"], local.has_endpoint ? ["endpoint"] : []))
  name     = "${local.roles[each.key]}-subnets"
  role     = aws_iam_role.this[each.key].id
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = local.subnet_statements[each.key]
  })
}

# What runs may become. It can do nothing until it is given policies.
resource "aws_iam_role" "dev" {
  count                = var.agent_uses_task_role ? 1 : 0
  name                 = local.roles.dev
  path                 = var.role_path
  description          = "For runs in the agent pool of ${var.prefix} to assume"
  assume_role_policy   = jsonencode(local.dev_trust)
  permissions_boundary = var.permissions_boundary_arn
  tags                 = local.tags

  # A trust policy can only name a role that is there.
  depends_on = [aws_iam_role.this]
}

resource "aws_iam_role_policy" "dev" {
  count  = var.agent_uses_task_role ? 1 : 0
  name   = local.roles.dev
  role   = aws_iam_role.dev[0].id
  policy = jsonencode(local.dev_policy)
}

resource "aws_iam_role_policy_attachment" "dev" {
  count      = var.agent_uses_task_role ? length(var.terraform_dev_policy_arns) : 0
  role       = aws_iam_role.dev[0].name
  policy_arn = var.terraform_dev_policy_arns[count.index]

  # Never the one without the other.
  depends_on = [aws_iam_role_policy.dev]
}
