# The agents.

variable "prefix" {
  description = "Begins the name of everything that is made: 1 to 20 of a-z, 0-9 and -, a letter first."
  type        = string

  validation {
    condition     = can(regex("^[a-z]([a-z0-9-]{0,18}[a-z0-9])?$", var.prefix))
    error_message = "The prefix must have 1 to 20 characters of a-z, 0-9 and \"-\", begin with a letter and not end with \"-\"."
  }
}

variable "tfc_agent_token" {
  description = "Token of the agent pool. Kept in SSM as a SecureString, and in Terraform's state."
  type        = string
  sensitive   = true

  validation {
    condition     = can(regex("^[^\\s]+$", var.tfc_agent_token))
    error_message = "The agent token must not be empty and must hold no white space; was a line break copied with it?"
  }
}

variable "agent_single" {
  description = "Whether an agent takes one job and ends (TFC_AGENT_SINGLE), as HashiCorp recommends. False: agents are reused until they are idle."
  type        = bool
  default     = true
}

variable "agent_image" {
  description = "Image of tfc-agent, or one derived from it. Pinned: an agent that is one thing today and another tomorrow cannot be reasoned about."
  type        = string
  default     = "hashicorp/tfc-agent:1.28.11"

  validation {
    condition     = can(regex("(@sha256:[0-9a-f]{64}|:[^:/@]+)$", var.agent_image)) && !endswith(var.agent_image, ":latest")
    error_message = "The agent image needs a tag other than \"latest\", or a digest, so that every task runs the same one."
  }
}

variable "sidecar_image" {
  description = "Image of agent-sidecar, built by docker/build."
  type        = string

  validation {
    condition     = can(regex("(@sha256:[0-9a-f]{64}|:[^:/@]+)$", var.sidecar_image)) && !endswith(var.sidecar_image, ":latest")
    error_message = "The sidecar image needs a tag other than \"latest\", or a digest, so that every task runs the same one."
  }
}

variable "cpu_architecture" {
  description = "X86_64 or ARM64, for agents and endpoint; the images must be built for it. ARM64 costs a fifth less. A pool takes agents of one architecture only."
  type        = string
  default     = "X86_64"

  validation {
    condition     = contains(["X86_64", "ARM64"], var.cpu_architecture)
    error_message = "The CPU architecture must be X86_64 or ARM64."
  }
}

variable "task_cpu" {
  description = "CPU units of a task, 1024 for each vCPU. This and task_mem are what is paid."
  type        = number
  default     = 1024

  validation {
    condition     = contains([256, 512, 1024, 2048, 4096, 8192, 16384], var.task_cpu)
    error_message = "task_cpu must be one of 256, 512, 1024, 2048, 4096, 8192 and 16384, which is what Fargate offers."
  }
}

variable "task_mem" {
  description = "Memory of a task in MiB. HashiCorp asks for 2048 or more for an agent."
  type        = number
  default     = 2048

  validation {
    condition = contains(lookup({
      "256"   = [512, 1024, 2048]
      "512"   = range(1024, 4097, 1024)
      "1024"  = range(2048, 8193, 1024)
      "2048"  = range(4096, 16385, 1024)
      "4096"  = range(8192, 30721, 1024)
      "8192"  = range(16384, 61441, 4096)
      "16384" = range(32768, 122881, 8192)
    }, tostring(var.task_cpu), []), var.task_mem)
    error_message = "Fargate does not offer ${var.task_mem} MiB with ${var.task_cpu} CPU units. It offers, in MiB: 512, 1024 or 2048 with 256; 1024 to 4096 with 512; 2048 to 8192 with 1024; 4096 to 16384 with 2048; 8192 to 30720 with 4096, all in steps of 1024; 16384 to 61440 in steps of 4096 with 8192; 32768 to 122880 in steps of 8192 with 16384."
  }
}

variable "task_def_cpu" {
  description = "CPU units of the agent's container. Null: all that the sidecar's 64 leave, which it hardly uses."
  type        = number
  default     = null

  validation {
    condition     = var.task_def_cpu == null ? true : var.task_def_cpu >= 1 && var.task_def_cpu <= var.task_cpu - 64
    error_message = "The agent's container can have 1 to task_cpu - 64 CPU units: 64 are the sidecar's."
  }
}

variable "task_def_mem" {
  description = "Memory limit of the agent's container in MiB; beyond it the agent is killed. Null: the whole task's."
  type        = number
  default     = null

  validation {
    condition     = var.task_def_mem == null ? true : var.task_def_mem >= 512 && var.task_def_mem <= var.task_mem - 64
    error_message = "The agent's container can have 512 to task_mem - 64 MiB: 64 are the sidecar's."
  }
}

variable "spot_share" {
  description = "Per cent of the tasks that run on Fargate Spot. Spot may take a task back with two minutes' notice, and a run that needs longer is lost."
  type        = number
  default     = 0

  validation {
    condition     = var.spot_share >= 0 && var.spot_share <= 100 && floor(var.spot_share) == var.spot_share
    error_message = "The Spot share must be a whole number from 0 to 100."
  }
}

variable "agent_uses_task_role" {
  description = "Whether runs see the task role's credentials, by which they can assume terraform_dev_role. False: the launcher takes them out of the agent's environment. See the README for what that is worth."
  type        = bool
  default     = true
}

variable "terraform_dev_policy_arns" {
  description = "Policies of terraform_dev_role, which runs may assume: what Terraform may do in this account. None by default."
  type        = list(string)
  default     = []
}

# How many.

variable "desired_count" {
  description = "Agents that stay without jobs. Only the first value and the ledger's limits come from here; ECS's own count is the ledger's."
  type        = number
  default     = 0

  validation {
    condition     = var.desired_count >= 0 && floor(var.desired_count) == var.desired_count
    error_message = "desired_count must be a whole number, 0 or more."
  }
  validation {
    condition     = var.max_count == 0 || var.desired_count <= var.max_count
    error_message = "desired_count (${var.desired_count}) must not be above max_count (${var.max_count})."
  }
}

variable "max_count" {
  description = "Agents at most; no more than the organization has bought. 0 ends the service: nobody is added, busy agents finish."
  type        = number
  default     = 10

  validation {
    condition     = var.max_count >= 0 && var.max_count <= 10000 && floor(var.max_count) == var.max_count
    error_message = "max_count must be a whole number from 1 to 10000, or 0 to end the service."
  }
}

variable "spare_count" {
  description = "Idle agents kept on top of the jobs, up to max_count."
  type        = number
  default     = 0

  validation {
    condition     = var.spare_count >= 0 && var.spare_count <= 10000 && floor(var.spare_count) == var.spare_count
    error_message = "spare_count must be a whole number from 0 to 10000."
  }
}

variable "schedules" {
  description = "Times at which desired_count changes: a name, an expression of EventBridge Scheduler such as cron(0 7 ? * MON-FRI *), its time zone, and the count."
  type = list(object({
    name          = string
    expression    = string
    timezone      = optional(string, "UTC")
    desired_count = number
  }))
  default = []

  validation {
    condition     = alltrue([for s in var.schedules : can(regex("^(cron|rate|at)\\(.+\\)$", s.expression))])
    error_message = "The expression of a schedule must be cron(...), rate(...) or at(...)."
  }
  validation {
    condition     = alltrue([for s in var.schedules : s.desired_count >= 0 && (var.max_count == 0 || s.desired_count <= var.max_count) && floor(s.desired_count) == s.desired_count])
    error_message = "The desired_count of a schedule must be a whole number from 0 to max_count (${var.max_count})."
  }
  validation {
    condition     = alltrue([for s in var.schedules : can(regex("^[a-z0-9-]{1,30}$", s.name))]) && length(distinct(var.schedules[*].name)) == length(var.schedules)
    error_message = "Schedules need different names of 1 to 30 characters of a-z, 0-9 and \"-\"."
  }
}

variable "idle_timeout_seconds" {
  description = "How long an agent waits after a job before it leaves."
  type        = number
  default     = 120

  validation {
    condition     = var.idle_timeout_seconds >= 1 && var.idle_timeout_seconds <= 86400
    error_message = "idle_timeout_seconds must be 1 to 86400; 0 would make every agent leave before it could receive a job."
  }
}

variable "first_job_timeout_seconds" {
  description = "How long a fresh agent waits for its first job before it leaves."
  type        = number
  default     = 300

  validation {
    condition     = var.first_job_timeout_seconds >= 1 && var.first_job_timeout_seconds <= 86400
    error_message = "first_job_timeout_seconds must be 1 to 86400; 0 would make every agent leave before it could receive a job."
  }
}

variable "max_lifetime_seconds" {
  description = "Age at which an idle agent is replaced by a fresh one, at least 600; 0 is never."
  type        = number
  default     = 0

  validation {
    condition     = var.max_lifetime_seconds == 0 || (var.max_lifetime_seconds >= 600 && var.max_lifetime_seconds <= 31536000)
    error_message = "max_lifetime_seconds must be 0 (never), or 600 (an agent needs a boot, a poll and time for its first job) to 31536000 (a year)."
  }
}

variable "protection_minutes" {
  description = "Scale-in protection that a task asks for, and renews at a quarter of it. A sidecar gives it back; it lasts that long only where none can."
  type        = number
  default     = 2880

  validation {
    condition     = var.protection_minutes >= 1 && var.protection_minutes <= 2880 && floor(var.protection_minutes) == var.protection_minutes
    error_message = "protection_minutes must be a whole number from 1 to 2880 (48 hours), which is what ECS takes."
  }
}

# HCP Terraform.

variable "tfc_address" {
  description = "HCP Terraform or Terraform Enterprise: https and a host, no path."
  type        = string
  default     = "https://app.terraform.io"

  validation {
    condition     = can(regex("^https://[A-Za-z0-9.-]+(:[0-9]+)?$", var.tfc_address))
    error_message = "tfc_address must be https:// and a host, such as https://app.terraform.io, without a path."
  }
}

variable "notification_token" {
  description = "HMAC key of the run task. Null: 64 random characters, in the output hmac_key."
  type        = string
  default     = null
  sensitive   = true

  validation {
    condition     = var.notification_token == null ? true : can(regex("^[^\\s]{16,}$", var.notification_token))
    error_message = "The HMAC key must have 16 characters or more and no white space, or be left out: then one is made."
  }
}

variable "tfe_token" {
  description = "API token, optional. With it the endpoint finds runs that no run task announced, and the sidecar sees an agent as HCP Terraform does."
  type        = string
  default     = null
  sensitive   = true

  validation {
    condition     = var.tfe_token == null ? true : can(regex("^[^\\s]+$", var.tfe_token))
    error_message = "The API token must not be empty and must hold no white space; leave it out to do without."
  }
  validation {
    condition     = var.tfe_token == null ? true : var.tfc_organization != null && var.tfc_agent_pool_name != null
    error_message = "With tfe_token, tfc_organization and tfc_agent_pool_name are needed: whose runs are to be looked for?"
  }
}

variable "tfc_organization" {
  description = "Organization of the agent pool; needed with tfe_token."
  type        = string
  default     = null
}

variable "tfc_agent_pool_name" {
  description = "Name of the agent pool; needed with tfe_token."
  type        = string
  default     = null
}

variable "tfc_agent_pool_id" {
  description = "Id of the agent pool (apool-...). With tfe_token, calls for workspaces of other pools start no agent."
  type        = string
  default     = null

  validation {
    condition     = var.tfc_agent_pool_id == null ? true : can(regex("^apool-[A-Za-z0-9]+$", var.tfc_agent_pool_id))
    error_message = "The agent pool's id begins with apool-; its name goes into tfc_agent_pool_name."
  }
}

# The endpoint.

variable "endpoint" {
  description = "Where the scale-up endpoint runs: lambda (a function URL; costs nothing at rest) or service (ECS behind a load balancer, for networks that want one)."
  type        = string
  default     = "lambda"

  validation {
    condition     = contains(["lambda", "service"], var.endpoint)
    error_message = "The endpoint must be lambda or service."
  }
  validation {
    condition     = var.endpoint == "lambda" ? true : var.endpoint_certificate_arn != null && var.endpoint_domain != null
    error_message = "With endpoint = \"service\", endpoint_domain and endpoint_certificate_arn are needed: HCP Terraform calls https only."
  }
}

variable "endpoint_image" {
  description = "Image of the scale-up endpoint, built by docker/build. For lambda it must be in this account's and region's ECR, for one architecture."
  type        = string

  validation {
    condition     = can(regex("(@sha256:[0-9a-f]{64}|:[^:/@]+)$", var.endpoint_image)) && !endswith(var.endpoint_image, ":latest")
    error_message = "The endpoint image needs a tag other than \"latest\", or a digest."
  }
  validation {
    condition     = var.endpoint != "lambda" ? true : can(regex("^[0-9]{12}\\.dkr\\.ecr\\.[a-z0-9-]+\\.amazonaws\\.com(\\.cn)?/", var.endpoint_image))
    error_message = "Lambda takes images from ECR only: docker/build --ecr REGION puts it there."
  }
}

variable "endpoint_domain" {
  description = "Name under which HCP Terraform reaches the load balancer; for service only. Point it at the output endpoint_dns_name."
  type        = string
  default     = null
}

variable "endpoint_certificate_arn" {
  description = "ACM certificate for endpoint_domain; for service only."
  type        = string
  default     = null
}

variable "endpoint_subnet_ids" {
  description = "Subnets of the load balancer, in two zones; for service only. Null: those of the agents."
  type        = list(string)
  default     = null
}

variable "endpoint_internal" {
  description = "Whether the load balancer is reached from inside the network only, as Terraform Enterprise can; for service only."
  type        = bool
  default     = false
}

variable "endpoint_ingress_cidrs" {
  description = "Who may call the load balancer; for service only. HCP Terraform publishes its notification ranges at /api/meta/ip-ranges."
  type        = list(string)
  default     = ["0.0.0.0/0"]

  validation {
    condition     = alltrue([for c in var.endpoint_ingress_cidrs : can(cidrhost(c, 0))])
    error_message = "endpoint_ingress_cidrs must hold CIDR blocks such as 203.0.113.0/24."
  }
}

variable "announce_stages" {
  description = "Stages of a run whose run task call starts an agent. Add post_plan for pools that run policy jobs."
  type        = list(string)
  default     = ["pre_plan", "pre_apply"]

  validation {
    condition     = length(var.announce_stages) > 0 && alltrue([for s in var.announce_stages : contains(["pre_plan", "post_plan", "pre_apply"], s)])
    error_message = "announce_stages must hold some of pre_plan, post_plan and pre_apply."
  }
}

variable "announce_workspaces" {
  description = "Names of workspaces whose calls start an agent, * for any characters; all when empty. For organization-wide run tasks."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for w in var.announce_workspaces : can(regex("^[A-Za-z0-9_*-]+$", w))])
    error_message = "announce_workspaces must hold names of workspaces: letters, digits, \"-\", \"_\" and \"*\"."
  }
}

# The network.

variable "region" {
  description = "AWS region. Null: the provider's."
  type        = string
  default     = null

  validation {
    condition     = var.region == null ? true : can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.region))
    error_message = "The region must be a name such as eu-central-1."
  }
}

variable "vpc_id" {
  description = "An existing VPC for the agents, with subnet_ids. Null: a new one."
  type        = string
  default     = null

  validation {
    condition     = (var.vpc_id == null) == (length(var.subnet_ids) == 0)
    error_message = "vpc_id and subnet_ids go together: both for an existing network, neither for a new one."
  }
}

variable "subnet_ids" {
  description = "Subnets of vpc_id for the agents; they need a way to HCP Terraform, ECR, SSM, DynamoDB, ECS and CloudWatch Logs."
  type        = list(string)
  default     = []
}

variable "assign_public_ip" {
  description = "Whether tasks get a public address. Null: yes in the new VPC, which has no NAT gateway, and no in an existing one."
  type        = bool
  default     = null
}

variable "ip_cidr_vpc" {
  description = "Addresses of the new VPC."
  type        = string
  default     = "10.64.0.0/16"

  validation {
    condition     = can(cidrhost(var.ip_cidr_vpc, 0))
    error_message = "ip_cidr_vpc must be a CIDR block such as 10.64.0.0/16."
  }
}

variable "ip_cidr_agent_subnet" {
  description = "Addresses for the agents within ip_cidr_vpc; split evenly over the zones, one address for each task."
  type        = string
  default     = "10.64.16.0/22"

  validation {
    condition     = can(cidrsubnet(var.ip_cidr_agent_subnet, ceil(log(var.availability_zone_count, 2)), 0))
    error_message = "ip_cidr_agent_subnet must be a CIDR block such as 10.64.16.0/22, large enough for its zones."
  }
}

variable "availability_zone_count" {
  description = "Zones of the new VPC, with a subnet for agents in each."
  type        = number
  default     = 2

  validation {
    condition     = contains([1, 2, 3, 4], var.availability_zone_count)
    error_message = "availability_zone_count must be 1, 2, 3 or 4."
  }
  validation {
    condition     = var.endpoint == "lambda" || var.vpc_id != null || var.availability_zone_count >= 2
    error_message = "A load balancer needs two zones: availability_zone_count must be 2 or more with endpoint = \"service\"."
  }
}

# Keeping house.

variable "log_retention_days" {
  description = "Days for which CloudWatch keeps the logs."
  type        = number
  default     = 30

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.log_retention_days)
    error_message = "CloudWatch keeps logs for 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288 or 3653 days."
  }
}

variable "common_tags" {
  description = "Tags for everything that is made."
  type        = map(string)
  default     = {}
}

variable "ttl" {
  description = "Value of a tag \"ttl\", for accounts that remove what is past it. Null: no such tag."
  type        = string
  default     = null
}
