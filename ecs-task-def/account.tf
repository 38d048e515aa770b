# Where this is applied. Everything that is computed from it is in names.tf, policies.tf and
# definition.tf, which need no provider and so can be evaluated, and tested, anywhere.

data "aws_caller_identity" "this" {}

data "aws_partition" "this" {}

data "aws_region" "this" {
  region = var.region
}

locals {
  account_id = data.aws_caller_identity.this.account_id
  partition  = data.aws_partition.this.partition
  region     = data.aws_region.this.region
}
