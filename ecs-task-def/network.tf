# A VPC of its own unless one is given: public subnets, so that no NAT gateway costs more than the
# agents do, and a security group that lets nobody in.

locals {
  makes_vpc = var.network == null
  zones     = local.makes_vpc ? data.aws_availability_zones.this[0].names : []

  vpc_id           = local.makes_vpc ? aws_vpc.this[0].id : var.network.vpc_id
  subnet_ids       = local.makes_vpc ? aws_subnet.agents[*].id : var.network.subnet_ids
  assign_public_ip = coalesce(var.assign_public_ip, local.makes_vpc)
}

data "aws_availability_zones" "this" {
  # checkov:skip=CKV_AWS_394: a zone that AWS adds moves no subnet, since a subnet keeps its zone once it is made
  count  = local.makes_vpc ? 1 : 0
  region = var.region
  state  = "available"

  # Local zones and the like have no Fargate.
  filter {
    name   = "opt-in-status"
    values = ["opt-in-not-required"]
  }
  # Nor have these (Amazon ECS developer guide, Supported Regions for AWS Fargate).
  exclude_zone_ids = ["apne1-az3", "cac1-az3", "cnn1-az4", "use1-az3", "usw1-az2"]

  lifecycle {
    postcondition {
      condition     = length(self.names) >= var.availability_zone_count
      error_message = "This region has ${length(self.names)} zones with Fargate for this account: availability_zone_count can be no more."
    }
  }
}

data "aws_subnets" "given" {
  count  = local.makes_vpc ? 0 : 1
  region = var.region

  filter {
    name   = "vpc-id"
    values = [var.network.vpc_id]
  }
  # By name, so that of subnets that this apply makes nobody is asked before they are there.
  filter {
    name   = "subnet-id"
    values = var.network.subnet_ids
  }

  lifecycle {
    postcondition {
      condition     = alltrue([for id in var.network.subnet_ids : contains(self.ids, id)])
      error_message = "Of network, some of subnet_ids are not in vpc_id, which has of them: ${join(", ", self.ids)}."
    }
  }
}

resource "aws_vpc" "this" {
  # checkov:skip=CKV2_AWS_11: flow logs cost by the gigabyte and are the owner's choice; give a VPC that has them with vpc_id
  count                = local.makes_vpc ? 1 : 0
  region               = var.region
  cidr_block           = var.ip_cidr_vpc
  enable_dns_hostnames = true
  tags                 = local.tags
}

# Without rules, so that nothing can be put into it by default.
resource "aws_default_security_group" "this" {
  count  = local.makes_vpc ? 1 : 0
  region = var.region
  vpc_id = aws_vpc.this[0].id
  tags   = local.tags
}

resource "aws_internet_gateway" "this" {
  count  = local.makes_vpc ? 1 : 0
  region = var.region
  vpc_id = aws_vpc.this[0].id
  tags   = local.tags
}

resource "aws_subnet" "agents" {
  count             = local.makes_vpc ? var.availability_zone_count : 0
  region            = var.region
  vpc_id            = aws_vpc.this[0].id
  availability_zone = local.zones[count.index]
  cidr_block = cidrsubnet(
    var.ip_cidr_agent_subnet,
    ceil(log(var.availability_zone_count, 2)),
    count.index,
  )
  tags = merge(local.tags, { Name = "${var.prefix}-agents-${count.index + 1}" })

  # In which zone it was made, whichever zones there are later: another one would be another subnet.
  lifecycle {
    ignore_changes = [availability_zone]
  }
}

resource "aws_route_table" "agents" {
  count  = local.makes_vpc ? 1 : 0
  region = var.region
  vpc_id = aws_vpc.this[0].id
  tags   = local.tags
}

resource "aws_route" "internet" {
  count                  = local.makes_vpc ? 1 : 0
  region                 = var.region
  route_table_id         = aws_route_table.agents[0].id
  destination_cidr_block = "0.0.0.0/0"
  gateway_id             = aws_internet_gateway.this[0].id
}

resource "aws_route_table_association" "agents" {
  count          = length(aws_subnet.agents)
  region         = var.region
  subnet_id      = aws_subnet.agents[count.index].id
  route_table_id = aws_route_table.agents[0].id
}

resource "aws_security_group" "agents" {
  # checkov:skip=CKV2_AWS_5: attached to the service's network configuration, which the check does not follow
  region      = var.region
  name        = "${var.prefix}-agents"
  description = "Agents of HCP Terraform: they call, nobody calls them"
  vpc_id      = local.vpc_id
  tags        = merge(local.tags, { Name = "${var.prefix}-agents" })
}

resource "aws_vpc_security_group_egress_rule" "agents" {
  # checkov:skip=CKV_AWS_382: by default a run may have to reach any port of any host, for example a database; egress says otherwise
  for_each                     = var.egress
  region                       = var.region
  security_group_id            = aws_security_group.agents.id
  description                  = "What runs configure: ${each.key}"
  ip_protocol                  = each.value.ip_protocol
  from_port                    = each.value.from_port
  to_port                      = each.value.to_port
  cidr_ipv4                    = each.value.cidr_ipv4
  cidr_ipv6                    = each.value.cidr_ipv6
  prefix_list_id               = each.value.prefix_list_id
  referenced_security_group_id = each.value.security_group_id
  tags                         = local.tags
}
