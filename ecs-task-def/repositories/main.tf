# The repositories to which docker/build --ecr pushes, for those who do not want it to make them:
# tags that never change, old images that go, a key of one's own.
# Applied before the images are built; the module of the agents takes the images, by digest.

terraform {
  required_version = ">= 1.9.0"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 6.29.0, < 7.0.0"
    }
  }
}

data "aws_caller_identity" "this" {}

data "aws_partition" "this" {}

data "aws_region" "this" {
  region = var.region
}

locals {
  function_arns = "arn:${data.aws_partition.this.partition}:lambda:${data.aws_region.this.region}:${data.aws_caller_identity.this.account_id}:function:*"
}

resource "aws_ecr_repository" "this" {
  # checkov:skip=CKV_AWS_136: encrypted with ECR's own key unless kms_key names one, which costs by the month
  for_each             = toset(["agent-sidecar", "scale-up", "tfc-agent"])
  region               = var.region
  name                 = each.key
  image_tag_mutability = "IMMUTABLE"
  tags                 = var.tags

  image_scanning_configuration {
    scan_on_push = true
  }

  dynamic "encryption_configuration" {
    for_each = var.kms_key == null ? [] : [var.kms_key]
    content {
      encryption_type = "KMS"
      kms_key         = encryption_configuration.value.arn
    }
  }
}

# By count, and by no age: an image that a service still names may be old, and one that is gone can
# start no agent.
resource "aws_ecr_lifecycle_policy" "this" {
  for_each   = aws_ecr_repository.this
  region     = var.region
  repository = each.value.name
  policy = jsonencode({
    rules = [
      {
        rulePriority = 1
        description  = "Layers of pushes that were cut off"
        selection = {
          tagStatus   = "untagged"
          countType   = "sinceImagePushed"
          countUnit   = "days"
          countNumber = 14
        }
        action = { type = "expire" }
      },
      {
        rulePriority = 2
        description  = "The newest are kept"
        selection = {
          tagStatus   = "any"
          countType   = "imageCountMoreThan"
          countNumber = var.keep_images
        }
        action = { type = "expire" }
      },
    ]
  })
}

# Lambda pulls by itself, not as the function's role. Without this it writes the same when the function
# is made, if whoever makes it may set policies of repositories.
resource "aws_ecr_repository_policy" "function" {
  region     = var.region
  repository = aws_ecr_repository.this["scale-up"].name
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "LambdaECRImageRetrievalPolicy"
        Effect    = "Allow"
        Principal = { Service = ["lambda.amazonaws.com"] }
        Action    = ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
        Condition = { StringLike = { "aws:SourceArn" = local.function_arns } }
      },
    ]
  })
}

variable "region" {
  description = "AWS region. Null: the provider's."
  type        = string
  default     = null
}

variable "kms_key" {
  description = "A key of KMS for the images, by ARN. Null: ECR's own."
  type        = object({ arn = string })
  default     = null
}

variable "keep_images" {
  description = "Images that are kept in each repository, the newest. Those that a service or a rollback still needs must be among them."
  type        = number
  default     = 100

  validation {
    condition     = var.keep_images >= 2 && floor(var.keep_images) == var.keep_images
    error_message = "keep_images must be a whole number, 2 or more: a rollback needs the image before."
  }
}

variable "tags" {
  description = "Tags of the repositories."
  type        = map(string)
  default     = {}
}

output "repository_urls" {
  description = "Addresses of the repositories, by the name of the image."
  value       = { for name, repository in aws_ecr_repository.this : name => repository.repository_url }
}
