# An object or a boolean decides what is made, never whether some value is null: a value that another
# resource of the same apply makes (an id, a token, an image) is not known when Terraform plans, and
# may be null or not as far as it can tell. Keys of maps and lengths of lists are known for the same
# reason; what is in them need not be.

# The agents.

variable "prefix" {
  description = "Begins the name of everything that is made: 1 to 20 of a-z, 0-9 and -, a letter first."
  type        = string

  validation {
    condition     = can(regex("^[a-z]([a-z0-9-]{0,18}[a-z0-9])?$", var.prefix))
    error_message = "The prefix must have 1 to 20 characters of a-z, 0-9 and \"-\", begin with a letter and not end with \"-\"."
  }
  validation {
    # Parameters, load balancers, security groups, and the group of schedules that each account has.
    condition     = !can(regex("^(aws|ssm|internal$|internal-|sg$|sg-|default$)", var.prefix))
    error_message = "AWS keeps names that begin with \"aws\", \"ssm\", \"internal-\" or \"sg-\", and \"default\", for itself: the prefix must be another one."
  }
}

variable "tfc_agent_token" {
  description = "Token of the agent pool. Kept in SSM as a SecureString, and in Terraform's state; required unless existing_secrets has it."
  type        = string
  default     = null
  sensitive   = true

  validation {
    condition     = var.tfc_agent_token == null ? true : can(regex("^[^\\s]+$", var.tfc_agent_token))
    error_message = "The agent token must not be empty and must hold no white space; was a line break copied with it?"
  }
  validation {
    condition     = var.existing_secrets.agent_token != null ? var.tfc_agent_token == null : var.tfc_agent_token != null
    error_message = "The agents need a token: either tfc_agent_token or existing_secrets.agent_token."
  }
}

variable "existing_secrets" {
  description = "Secrets that are there already, by ARN, instead of their values: so they are in no state of Terraform's. agent_token: a parameter of SSM or a secret of Secrets Manager (for one key of its JSON with :key::); the others: parameters of SSM, which the endpoint reads."
  type = object({
    agent_token                      = optional(object({ arn = string }))
    hmac_key                         = optional(object({ arn = string }))
    notification_configuration_token = optional(object({ arn = string }))
    tfe_token                        = optional(object({ arn = string }))
  })
  default  = {}
  nullable = false

  validation {
    condition     = var.existing_secrets.agent_token == null ? true : can(regex("^arn:[a-z-]+:(ssm:[a-z0-9-]+:[0-9]{12}:parameter/|secretsmanager:[a-z0-9-]+:[0-9]{12}:secret:)", var.existing_secrets.agent_token.arn))
    error_message = "existing_secrets.agent_token must have the ARN of a parameter of SSM or of a secret of Secrets Manager."
  }
  validation {
    condition     = var.existing_secrets.hmac_key == null ? true : can(regex("^arn:[a-z-]+:ssm:[a-z0-9-]+:[0-9]{12}:parameter/", var.existing_secrets.hmac_key.arn))
    error_message = "existing_secrets.hmac_key must have the ARN of a parameter of SSM: the endpoint reads it there."
  }
  validation {
    condition     = var.existing_secrets.notification_configuration_token == null ? true : can(regex("^arn:[a-z-]+:ssm:[a-z0-9-]+:[0-9]{12}:parameter/", var.existing_secrets.notification_configuration_token.arn))
    error_message = "existing_secrets.notification_configuration_token must have the ARN of a parameter of SSM: the endpoint reads it there."
  }
  validation {
    condition     = var.existing_secrets.tfe_token == null ? true : can(regex("^arn:[a-z-]+:ssm:[a-z0-9-]+:[0-9]{12}:parameter/", var.existing_secrets.tfe_token.arn))
    error_message = "existing_secrets.tfe_token must have the ARN of a parameter of SSM: the endpoint reads it there."
  }
}

variable "secrets_kms_key_arns" {
  description = "Keys of KMS that encrypt what existing_secrets, container_secrets and registry_credentials name, where they are not AWS's own."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for arn in var.secrets_kms_key_arns : can(regex("^arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/", arn))])
    error_message = "secrets_kms_key_arns must hold ARNs of keys (key/...); IAM does not take an alias for one."
  }
}

variable "agent_mode" {
  description = "What a job shares with those before it. single, which HashiCorp recommends: nothing, each has a container of its own. renewed: each has an agent of its own, in a container that was shown to be as it was. shared: whatever agent is idle, and what earlier jobs left there."
  type        = string
  default     = "single"
  nullable    = false

  validation {
    condition     = contains(["single", "renewed", "shared"], var.agent_mode)
    error_message = "agent_mode must be single, renewed or shared."
  }
  validation {
    condition     = var.agent_mode != "renewed" || alltrue([for it in var.mounts.agent : it.read_only])
    error_message = "With agent_mode = \"renewed\" all of mounts.agent must be read only: what a job writes to a volume, no renewal takes back."
  }
  validation {
    condition     = var.agent_mode != "renewed" || !var.enable_execute_command
    error_message = "agent_mode = \"renewed\" does not go with enable_execute_command: ECS Exec runs a program of its own, as root, in the agent's container, which therefore never is as it was."
  }
}

variable "agent_user" {
  description = "Whom the agent runs as, for agent_mode = \"renewed\": a user in the /etc/passwd of agent_image, and not root. Null: tfc-agent, as HashiCorp's image calls it."
  type        = string
  default     = null

  validation {
    condition     = var.agent_user == null ? true : can(regex("^[a-z_][a-z0-9_-]*$", var.agent_user)) && var.agent_user != "root"
    error_message = "agent_user must be the name of a user other than root, not a number."
  }
  validation {
    condition     = var.agent_user == null ? true : var.agent_mode == "renewed"
    error_message = "agent_user is for agent_mode = \"renewed\": in the others the agent runs as the image says."
  }
}

variable "agent_keep" {
  description = "Directories that a renewal leaves as they are, for agent_mode = \"renewed\"; below one that the agent's user owns or may write. A hole: what a job puts there, the next one finds and may run. A cache in the image is none, see the README."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for it in var.agent_keep : can(regex("^(/[^/:]+)+$", it)) && !can(regex("/[.]{1,2}(/|$)", it))])
    error_message = "agent_keep must hold absolute paths without \":\", \".\" and \"..\", such as /home/tfc-agent/.terraform.d/plugin-cache."
  }
  validation {
    condition     = alltrue([for it in var.agent_keep : length([for other in var.agent_keep : other if startswith("${it}/", "${other}/")]) == 1])
    error_message = "None of agent_keep may be another one, or lie within it."
  }
  validation {
    condition     = length(var.agent_keep) == 0 || var.agent_mode == "renewed"
    error_message = "agent_keep is for agent_mode = \"renewed\": in single nothing outlives a job, in shared everything does."
  }
}

variable "max_jobs" {
  description = "Jobs after which a task leaves, for agent_mode = \"renewed\"; 0 is no limit."
  type        = number
  default     = 0

  validation {
    condition     = var.max_jobs >= 0 && var.max_jobs <= 1000000 && floor(var.max_jobs) == var.max_jobs
    error_message = "max_jobs must be a whole number from 0 (no limit) to 1000000."
  }
  validation {
    condition     = var.max_jobs == 0 || var.agent_mode == "renewed"
    error_message = "max_jobs is for agent_mode = \"renewed\": only there a task has a new agent for each of its jobs."
  }
}

variable "agent_image" {
  description = "Image of tfc-agent, or one derived from it. Pinned: an agent that is one thing today and another tomorrow cannot be reasoned about."
  type        = string
  default     = "hashicorp/tfc-agent:1.33.0"

  validation {
    condition     = can(regex("(@sha256:[0-9a-f]{64}|:[^:/@]+)$", var.agent_image)) && !endswith(var.agent_image, ":latest")
    error_message = "The agent image needs a tag other than \"latest\", or a digest, so that every task runs the same one."
  }
}

variable "agent_command" {
  description = "Arguments of the launcher in the agent's container: the command that starts the agent in an image with an entry point of its own, such as [\"/opt/start-agent\"], or arguments of tfc-agent. Empty: the tfc-agent that is found in the image."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for word in var.agent_command : word != ""])
    error_message = "agent_command must hold no empty word."
  }
  validation {
    condition     = !anytrue([for word in var.agent_command : can(regex("^--?token($|=)", word))])
    error_message = "Arguments are shown to every process: the agent's token must not be in agent_command."
  }
  validation {
    condition     = !anytrue([for word in var.agent_command : can(regex("^--?single($|=)", word))])
    error_message = "How many jobs an agent takes is agent_mode's to say: -single must not be in agent_command."
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

variable "registry_credentials" {
  description = "Secrets of Secrets Manager with user name and password of the private registry that an image comes from, by ARN; ECR needs none."
  type = object({
    agent    = optional(object({ arn = string }))
    sidecar  = optional(object({ arn = string }))
    endpoint = optional(object({ arn = string }))
  })
  default  = {}
  nullable = false

  validation {
    condition     = alltrue([for it in values(var.registry_credentials) : it == null ? true : can(regex("^arn:[a-z-]+:secretsmanager:", it.arn))])
    error_message = "registry_credentials must have ARNs of secrets of Secrets Manager, which is where ECS looks."
  }
  validation {
    condition     = var.endpoint == "service" || var.registry_credentials.endpoint == null
    error_message = "Lambda takes images from ECR only: registry_credentials.endpoint is for endpoint = \"service\"."
  }
}

variable "ecr_pull_through_cache" {
  description = "Whether images of ECR may come through a pull-through cache: the first pull then makes the repository."
  type        = bool
  default     = false
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
    condition     = contains([256, 512, 1024, 2048, 4096, 8192, 16384, 32768], var.task_cpu)
    error_message = "task_cpu must be one of 256, 512, 1024, 2048, 4096, 8192, 16384 and 32768, which is what Fargate offers."
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
      "32768" = [61440, 122880, 249856]
    }, tostring(var.task_cpu), []), var.task_mem)
    error_message = "Fargate does not offer ${var.task_mem} MiB with ${var.task_cpu} CPU units. It offers, in MiB: 512, 1024 or 2048 with 256; 1024 to 4096 with 512; 2048 to 8192 with 1024; 4096 to 16384 with 2048; 8192 to 30720 with 4096, all in steps of 1024; 16384 to 61440 in steps of 4096 with 8192; 32768 to 122880 in steps of 8192 with 16384; 61440, 122880 or 249856 with 32768."
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

variable "ephemeral_storage_gib" {
  description = "Disk of a task in GiB, 21 to 200, of which the images take their part. Null: Fargate's 20, which cost nothing."
  type        = number
  default     = null

  validation {
    condition     = var.ephemeral_storage_gib == null ? true : var.ephemeral_storage_gib >= 21 && var.ephemeral_storage_gib <= 200 && floor(var.ephemeral_storage_gib) == var.ephemeral_storage_gib
    error_message = "ephemeral_storage_gib must be a whole number from 21 to 200; leave it out for the 20 that Fargate gives."
  }
}

variable "agent_open_files" {
  description = "Files that a process of the agent's container may have open (the ulimit nofile, the only one that Fargate lets a task set). Null: Fargate's own."
  type        = number
  default     = null

  validation {
    condition     = var.agent_open_files == null ? true : var.agent_open_files >= 1024 && var.agent_open_files <= 1048576 && floor(var.agent_open_files) == var.agent_open_files
    error_message = "agent_open_files must be a whole number from 1024 to 1048576."
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

variable "environment" {
  description = "Further variables by container: agent (TFC_AGENT_LOG_LEVEL, AGENT_LAUNCHER_..., SSL_CERT_FILE, what runs need), sidecar and endpoint (SSL_CERT_FILE and what else they read). None that the module sets."
  type = object({
    agent    = optional(map(string), {})
    sidecar  = optional(map(string), {})
    endpoint = optional(map(string), {})
  })
  default  = {}
  nullable = false

  validation {
    condition     = alltrue([for container in values(var.environment) : alltrue([for name in keys(container) : can(regex("^[A-Za-z_][A-Za-z0-9_]*$", name))])])
    error_message = "environment must have names of letters, digits and \"_\" that begin with no digit."
  }
}

variable "container_secrets" {
  description = "Further variables whose values ECS reads from Secrets Manager or SSM as a task starts, by container: name and ARN. endpoint is for endpoint = \"service\". What the agent's container is given, every run can read."
  type = object({
    agent    = optional(map(string), {})
    sidecar  = optional(map(string), {})
    endpoint = optional(map(string), {})
  })
  default  = {}
  nullable = false

  validation {
    condition     = alltrue([for container in values(var.container_secrets) : alltrue([for arn in values(container) : can(regex("^arn:[a-z-]+:(ssm|secretsmanager):", arn))])])
    error_message = "container_secrets must have ARNs of parameters of SSM or of secrets of Secrets Manager."
  }
  validation {
    condition     = var.endpoint == "service" || length(var.container_secrets.endpoint) == 0
    error_message = "A function is given no secrets by ECS: container_secrets.endpoint is for endpoint = \"service\"."
  }
}

variable "volumes" {
  description = "Further volumes of a task by name: empty ones that live as long as the task, or with efs a file system of EFS, always encrypted on its way; with iam the task role, and so every run, may mount it."
  type = map(object({
    efs = optional(object({
      file_system_id  = string
      access_point_id = optional(string)
      root_directory  = optional(string)
      iam             = optional(bool, false)
    }))
  }))
  default  = {}
  nullable = false

  validation {
    condition     = alltrue([for name in keys(var.volumes) : can(regex("^[A-Za-z0-9_-]{1,255}$", name)) && name != "agent-link"])
    error_message = "volumes must have names of letters, digits, \"-\" and \"_\", and not agent-link, which is the module's."
  }
}

variable "mounts" {
  description = "Where a volume of volumes is mounted in the agent's and the sidecar's container; read only unless it says otherwise. What one run writes there, the next one finds."
  type = object({
    agent   = optional(list(object({ volume = string, path = string, read_only = optional(bool, true) })), [])
    sidecar = optional(list(object({ volume = string, path = string, read_only = optional(bool, true) })), [])
  })
  default  = {}
  nullable = false

  validation {
    condition     = alltrue([for it in concat(var.mounts.agent, var.mounts.sidecar) : contains(keys(var.volumes), it.volume)])
    error_message = "mounts must name volumes that are in volumes."
  }
  validation {
    condition     = alltrue([for it in concat(var.mounts.agent, var.mounts.sidecar) : can(regex("^/", it.path)) && !can(regex("^/(run/agent-link(/.*)?)?$", it.path))])
    error_message = "mounts must have absolute paths, and not / or /run/agent-link, which is the module's."
  }
}

variable "extra_containers" {
  description = "Further containers of a task, as ECS's container definitions: a log router, a scanner, one that fills a volume. None may be essential, since its end would end the task with the run in it; without logConfiguration they log where the agents do."
  # Definitions differ in what they have, and a list wants elements of one type.
  type     = any
  default  = []
  nullable = false

  validation {
    condition     = alltrue([for it in var.extra_containers : can(regex("^[A-Za-z0-9_-]{1,255}$", it.name)) && can(it.image)])
    error_message = "extra_containers must be container definitions, with a name and an image each."
  }
  validation {
    condition     = length(distinct(concat(["launcher-delivery", "agent-sidecar", "tfc-agent"], [for it in var.extra_containers : try(it.name, "")]))) == 3 + length(var.extra_containers)
    error_message = "extra_containers must have different names, and not launcher-delivery, agent-sidecar or tfc-agent, which are the module's."
  }
  validation {
    condition     = alltrue([for it in var.extra_containers : try(it.essential, false) == false])
    error_message = "None of extra_containers may be essential: its end would end the task with the run in it."
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
    condition     = alltrue([for s in var.schedules : can(regex("^(UTC|GMT|[A-Z][A-Za-z]+(/[A-Za-z0-9_+-]+){1,2})$", s.timezone))])
    error_message = "The timezone of a schedule must be a name such as UTC or Europe/Berlin, which knows summer time, and no offset."
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

variable "hand_over_limit_seconds" {
  description = "How long an idle agent of an older revision, whose agent has ended, waits for ECS's deployment to stop its task before the task leaves by itself."
  type        = number
  default     = 600

  validation {
    condition     = var.hand_over_limit_seconds >= 120 && var.hand_over_limit_seconds <= 7200 && floor(var.hand_over_limit_seconds) == var.hand_over_limit_seconds
    error_message = "hand_over_limit_seconds must be a whole number from 120 to 7200 (two hours)."
  }
}

variable "announced_job_timeout_seconds" {
  description = "How long a job that was announced and that no agent received counts."
  type        = number
  default     = 3600

  validation {
    condition     = var.announced_job_timeout_seconds >= 120 && var.announced_job_timeout_seconds <= 604800 && floor(var.announced_job_timeout_seconds) == var.announced_job_timeout_seconds
    error_message = "announced_job_timeout_seconds must be a whole number from 120 (a boot and a poll) to 604800 (a week)."
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
  description = "HMAC key of the run task, and of notifications unless they have their own token. Null: 64 random characters, in the output hmac_key; or that of existing_secrets."
  type        = string
  default     = null
  sensitive   = true

  validation {
    condition     = var.notification_token == null ? true : can(regex("^[^\\s]{16,}$", var.notification_token))
    error_message = "The HMAC key must have 16 characters or more and no white space, or be left out: then one is made."
  }
  validation {
    condition     = var.existing_secrets.hmac_key == null || var.notification_token == null
    error_message = "The HMAC key is either notification_token or existing_secrets.hmac_key."
  }
}

variable "notifications" {
  description = "Notifications of workspaces and projects, which the endpoint takes at the run task's URL. own_token: they are signed with another token than the run task's key, which is made unless notification_configuration_token or existing_secrets has it. announce_run_created: the notification that a run was created starts its agent."
  type = object({
    own_token            = optional(bool, false)
    announce_run_created = optional(bool, false)
  })
  default  = {}
  nullable = false

  validation {
    condition     = !var.notifications.own_token || var.endpoint != "none"
    error_message = "Notifications go to an endpoint: there is no notifications.own_token with endpoint = \"none\"."
  }
  validation {
    condition     = var.existing_secrets.notification_configuration_token == null || var.notifications.own_token
    error_message = "existing_secrets.notification_configuration_token is a token of their own: notifications.own_token must be true."
  }
}

variable "notification_configuration_token" {
  description = "Token of notification configurations, with notifications.own_token. Null: 64 random characters, in the output of that name; or that of existing_secrets."
  type        = string
  default     = null
  sensitive   = true

  validation {
    condition     = var.notification_configuration_token == null ? true : can(regex("^[^\\s]{16,}$", var.notification_configuration_token))
    error_message = "The token of notification configurations must have 16 characters or more and no white space, or be left out: then one is made."
  }
  validation {
    condition     = var.notification_configuration_token == null ? true : var.notifications.own_token && var.existing_secrets.notification_configuration_token == null
    error_message = "With notification_configuration_token, notifications.own_token must be true and existing_secrets must not have one."
  }
}

variable "terraform_api" {
  description = "Whose runs to look for, with tfe_token: the endpoint finds runs that no run task announced, and the sidecar sees an agent as HCP Terraform does. With agent_pool_id (apool-...), calls for workspaces of other pools start no agent. Null: nobody asks the API."
  type = object({
    organization    = string
    agent_pool_name = string
    agent_pool_id   = optional(string)
  })
  default = null

  validation {
    condition     = try(var.terraform_api.agent_pool_id, null) == null ? true : can(regex("^apool-[A-Za-z0-9]+$", var.terraform_api.agent_pool_id))
    error_message = "The agent pool's id begins with apool-; its name is agent_pool_name."
  }
}

variable "tfe_token" {
  description = "API token, with terraform_api. Kept in SSM as a SecureString, and in Terraform's state; existing_secrets can have it instead."
  type        = string
  default     = null
  sensitive   = true

  validation {
    condition     = var.tfe_token == null ? true : can(regex("^[^\\s]+$", var.tfe_token))
    error_message = "The API token must not be empty and must hold no white space; leave it out to do without."
  }
  validation {
    condition     = var.tfe_token == null ? true : var.terraform_api != null
    error_message = "With tfe_token, terraform_api is needed: whose runs are to be looked for?"
  }
  validation {
    condition     = var.terraform_api == null ? var.existing_secrets.tfe_token == null : (var.existing_secrets.tfe_token != null ? var.tfe_token == null : var.tfe_token != null)
    error_message = "terraform_api needs an API token, either tfe_token or existing_secrets.tfe_token; without terraform_api there is none."
  }
}

# The endpoint.

variable "endpoint" {
  description = "Where the scale-up endpoint runs: lambda (a function URL; costs nothing at rest), service (ECS behind a load balancer, for networks that want one), or none (another module's endpoint serves this pool, by its pools)."
  type        = string
  default     = "lambda"

  validation {
    condition     = contains(["lambda", "service", "none"], var.endpoint)
    error_message = "The endpoint must be lambda, service or none."
  }
  validation {
    condition     = var.endpoint != "service" ? true : var.endpoint_certificate_arn != null && var.endpoint_domain != null
    error_message = "With endpoint = \"service\", endpoint_domain and endpoint_certificate_arn are needed: HCP Terraform calls https only."
  }
}

variable "endpoint_image" {
  description = "Image of the scale-up endpoint, built by docker/build. For lambda it must be in this account's and region's ECR, for one architecture. Needed unless endpoint is none."
  type        = string
  default     = null

  validation {
    condition     = var.endpoint == "none" ? true : var.endpoint_image != null
    error_message = "The endpoint needs its image: endpoint_image, as docker/build writes it."
  }
  validation {
    condition     = var.endpoint_image == null ? true : can(regex("(@sha256:[0-9a-f]{64}|:[^:/@]+)$", var.endpoint_image)) && !endswith(var.endpoint_image, ":latest")
    error_message = "The endpoint image needs a tag other than \"latest\", or a digest."
  }
  validation {
    condition     = var.endpoint != "lambda" || var.endpoint_image == null ? true : can(regex("^[0-9]{12}\\.(dkr\\.ecr(-fips)?|dkr-ecr(-fips)?)\\.[a-z0-9-]+\\.[a-z0-9.-]+/", var.endpoint_image))
    error_message = "Lambda takes images from ECR only: docker/build --ecr REGION puts it there."
  }
}

variable "pools" {
  description = "Pools that this endpoint serves, in the order in which their rules are asked: pool is the output of that name of another module with endpoint = \"none\", in the same account and region, null for this one. See the README. Empty: this one alone."
  type = list(object({
    name = string
    pool = optional(object({
      cluster                = string
      service                = string
      ledger_table           = string
      capacity_providers     = list(string)
      subnet_ids             = list(string)
      assign_public_ip       = bool
      enable_execute_command = bool
      kms_key_arns           = list(string)
    }))
    when = optional(object({
      organizations = optional(list(string))
      workspaces    = optional(list(string))
      stages        = optional(list(string))
      projects      = optional(list(string))
      tags          = optional(list(string))
      speculative   = optional(bool)
    }))
    default         = optional(bool)
    agent_pool_name = optional(string)
    agent_pool_id   = optional(string)
  }))
  default  = []
  nullable = false

  validation {
    condition     = alltrue([for it in var.pools : can(regex("^[A-Za-z0-9_-]{1,64}$", it.name))]) && length(distinct(var.pools[*].name)) == length(var.pools)
    error_message = "pools need different names of 1 to 64 letters, digits, \"-\" and \"_\"."
  }
  validation {
    condition     = length(var.pools) == 0 || length([for it in var.pools : it if it.pool == null]) == 1
    error_message = "One of pools must be this module's own, without pool, and each other one another module's output pool."
  }
  validation {
    condition     = length([for it in var.pools : it if coalesce(it.default, false)]) <= 1
    error_message = "One of pools can be the default at most."
  }
  validation {
    condition     = alltrue([for it in var.pools : !(coalesce(it.default, false) && it.when != null)])
    error_message = "One of pools is the default, which takes what no rule takes, or has a rule (when), not both."
  }
  validation {
    condition     = alltrue(flatten([for it in var.pools : it.when == null ? [] : [for values in [it.when.organizations, it.when.workspaces, it.when.stages, it.when.projects, it.when.tags] : values == null ? true : length(values) > 0]]))
    error_message = "A condition of pools must hold one value at least, or be left out."
  }
  validation {
    condition     = alltrue(flatten([for it in var.pools : [for stage in try(coalescelist(it.when.stages, []), []) : contains(["pre_plan", "post_plan", "pre_apply", "post_apply"], stage)]]))
    error_message = "The stages of pools must be some of pre_plan, post_plan, pre_apply and post_apply."
  }
  validation {
    condition = var.terraform_api != null || alltrue([
      for it in var.pools : it.agent_pool_name == null && it.agent_pool_id == null && try(it.when.projects, null) == null && try(it.when.tags, null) == null
    ])
    error_message = "Agent pools, projects and tags of pools are asked of HCP Terraform: they need terraform_api."
  }
  validation {
    condition     = length(var.pools) == 0 || var.endpoint != "none"
    error_message = "pools are those of an endpoint: with endpoint = \"none\" there are none."
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

variable "endpoint_ingress" {
  description = "Who may call the load balancer, by a name for each; for service only. HCP Terraform publishes its notification ranges at /api/meta/ip-ranges."
  type = map(object({
    cidr_ipv4         = optional(string)
    cidr_ipv6         = optional(string)
    prefix_list_id    = optional(string)
    security_group_id = optional(string)
  }))
  default  = { everybody = { cidr_ipv4 = "0.0.0.0/0" } }
  nullable = false

  validation {
    condition     = alltrue([for it in values(var.endpoint_ingress) : length([for one in values(it) : one if one != null]) == 1])
    error_message = "Each of endpoint_ingress must have one of cidr_ipv4, cidr_ipv6, prefix_list_id and security_group_id."
  }
  validation {
    condition     = alltrue([for it in values(var.endpoint_ingress) : it.cidr_ipv4 == null ? true : can(cidrnetmask(it.cidr_ipv4))])
    error_message = "A cidr_ipv4 of endpoint_ingress must be a block such as 203.0.113.0/24."
  }
  validation {
    condition     = alltrue([for it in values(var.endpoint_ingress) : it.cidr_ipv6 == null ? true : can(cidrhost(it.cidr_ipv6, 0)) && !can(cidrnetmask(it.cidr_ipv6))])
    error_message = "A cidr_ipv6 of endpoint_ingress must be a block such as 2001:db8::/32."
  }
}

variable "allowed_addresses" {
  description = "Addresses and ranges, of IPv4 and IPv6, from which the endpoint may be called; anybody else gets 403. Behind a load balancer it needs trusted_proxies; without them endpoint_ingress says who may call. HCP Terraform publishes its own at /api/meta/ip-ranges, as notifications, and changes them. Empty: everybody who can sign."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for it in var.allowed_addresses : can(cidrhost(it, 0)) || can(cidrhost("${it}/32", 0)) || can(cidrhost("${it}/128", 0))])
    error_message = "allowed_addresses must hold addresses and ranges such as 203.0.113.7, 203.0.113.0/24 and 2001:db8::/32."
  }
  validation {
    condition     = length(var.allowed_addresses) == 0 || var.endpoint != "none"
    error_message = "allowed_addresses is for an endpoint, and this module has none."
  }
}

variable "trusted_proxies" {
  description = "Addresses and ranges of proxies before the endpoint, such as the load balancer's subnets, whose X-Forwarded-For is believed when allowed_addresses are looked for. Nobody else's is."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for it in var.trusted_proxies : can(cidrhost(it, 0)) || can(cidrhost("${it}/32", 0)) || can(cidrhost("${it}/128", 0))])
    error_message = "trusted_proxies must hold addresses and ranges such as 10.0.1.0/24, 192.0.2.1 and 2001:db8::/32."
  }
  validation {
    condition     = length(var.trusted_proxies) == 0 || length(var.allowed_addresses) > 0
    error_message = "trusted_proxies are for allowed_addresses, of which there are none."
  }
  validation {
    condition     = length(var.trusted_proxies) > 0 || length(var.allowed_addresses) == 0 || var.endpoint != "service"
    error_message = "allowed_addresses need trusted_proxies with endpoint = \"service\": every call comes from the load balancer. Without both, endpoint_ingress says whom it lets in."
  }
}

variable "endpoint_egress" {
  description = "Where the endpoint may call, as egress; for service, and for function_in_vpc. By default port 443 of everything: AWS and HCP Terraform."
  type = map(object({
    ip_protocol       = optional(string, "tcp")
    from_port         = optional(number)
    to_port           = optional(number)
    cidr_ipv4         = optional(string)
    cidr_ipv6         = optional(string)
    prefix_list_id    = optional(string)
    security_group_id = optional(string)
  }))
  default  = { https = { from_port = 443, to_port = 443, cidr_ipv4 = "0.0.0.0/0" } }
  nullable = false

  validation {
    condition     = alltrue([for it in values(var.endpoint_egress) : length([for one in [it.cidr_ipv4, it.cidr_ipv6, it.prefix_list_id, it.security_group_id] : one if one != null]) == 1])
    error_message = "Each of endpoint_egress must have one of cidr_ipv4, cidr_ipv6, prefix_list_id and security_group_id."
  }
  validation {
    condition     = alltrue([for it in values(var.endpoint_egress) : it.cidr_ipv4 == null ? true : can(cidrnetmask(it.cidr_ipv4))])
    error_message = "A cidr_ipv4 of endpoint_egress must be a block such as 203.0.113.0/24."
  }
  validation {
    condition     = alltrue([for it in values(var.endpoint_egress) : it.cidr_ipv6 == null ? true : can(cidrhost(it.cidr_ipv6, 0)) && !can(cidrnetmask(it.cidr_ipv6))])
    error_message = "A cidr_ipv6 of endpoint_egress must be a block such as 2001:db8::/32."
  }
}

variable "function_in_vpc" {
  description = "Whether the function calls from the subnets of network, by endpoint_egress; for lambda only. They need a way to AWS and HCP Terraform that is no public address: a NAT gateway, endpoints of the VPC, or a proxy."
  type        = bool
  default     = false

  validation {
    condition     = !var.function_in_vpc || (var.endpoint == "lambda" && var.network != null)
    error_message = "function_in_vpc is for endpoint = \"lambda\" and needs network: the new VPC has public subnets only, in which a function reaches nothing."
  }
}

variable "function_reserved_concurrency" {
  description = "Calls that the function answers at a time at most, which are then its own; for lambda only. Null: no bound of its own. An account must keep 100 for all others."
  type        = number
  default     = null

  validation {
    condition     = var.function_reserved_concurrency == null ? true : var.function_reserved_concurrency >= 2 && floor(var.function_reserved_concurrency) == var.function_reserved_concurrency
    error_message = "function_reserved_concurrency must be a whole number, 2 or more: the sweep needs one while a run task calls."
  }
  validation {
    condition     = var.function_reserved_concurrency == null ? true : var.endpoint == "lambda"
    error_message = "function_reserved_concurrency is for endpoint = \"lambda\"."
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
    condition     = var.region == null ? true : can(regex("^[a-z]{2,4}(-[a-z]+)+-[0-9]$", var.region))
    error_message = "The region must be a name such as eu-central-1."
  }
}

variable "network" {
  description = "An existing VPC, and its subnets for the agents; they need a way to HCP Terraform, ECR, SSM, DynamoDB, ECS and CloudWatch Logs. Null: a new one."
  type = object({
    vpc_id     = string
    subnet_ids = list(string)
  })
  default = null

  validation {
    condition     = var.network == null ? true : length(var.network.subnet_ids) > 0
    error_message = "network needs at least one of the VPC's subnets in subnet_ids."
  }
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
    condition     = can(cidrnetmask(var.ip_cidr_vpc))
    error_message = "ip_cidr_vpc must be a CIDR block of IPv4 such as 10.64.0.0/16."
  }
  validation {
    condition     = can(cidrnetmask(var.ip_cidr_vpc)) ? tonumber(split("/", var.ip_cidr_vpc)[1]) >= 16 && tonumber(split("/", var.ip_cidr_vpc)[1]) <= 28 : true
    error_message = "ip_cidr_vpc must be of /16 to /28, which is what a VPC can have."
  }
}

variable "ip_cidr_agent_subnet" {
  description = "Addresses for the agents within ip_cidr_vpc; split evenly over the zones, one address for each task."
  type        = string
  default     = "10.64.16.0/22"

  validation {
    condition     = can(cidrnetmask(var.ip_cidr_agent_subnet)) && can(cidrsubnet(var.ip_cidr_agent_subnet, ceil(log(var.availability_zone_count, 2)), 0))
    error_message = "ip_cidr_agent_subnet must be a CIDR block of IPv4 such as 10.64.16.0/22, large enough for its zones."
  }
  validation {
    condition     = can(cidrnetmask(var.ip_cidr_agent_subnet)) ? tonumber(split("/", var.ip_cidr_agent_subnet)[1]) + ceil(log(var.availability_zone_count, 2)) <= 28 : true
    error_message = "ip_cidr_agent_subnet must be large enough for its zones: a subnet can have no less than /28."
  }
  validation {
    # Where both are blocks: is it, cut to the VPC's length, the VPC's?
    condition = can(cidrnetmask(var.ip_cidr_vpc)) && can(cidrnetmask(var.ip_cidr_agent_subnet)) ? (
      tonumber(split("/", var.ip_cidr_agent_subnet)[1]) >= tonumber(split("/", var.ip_cidr_vpc)[1])
      && cidrhost("${split("/", var.ip_cidr_agent_subnet)[0]}/${split("/", var.ip_cidr_vpc)[1]}", 0) == cidrhost(var.ip_cidr_vpc, 0)
    ) : true
    error_message = "ip_cidr_agent_subnet (${var.ip_cidr_agent_subnet}) must lie within ip_cidr_vpc (${var.ip_cidr_vpc})."
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
    condition     = var.endpoint != "service" || var.network != null || var.availability_zone_count >= 2
    error_message = "A load balancer needs two zones: availability_zone_count must be 2 or more with endpoint = \"service\"."
  }
}

variable "security_group_ids" {
  description = "Further security groups of the agents, for example one that databases let in."
  type        = list(string)
  default     = []

  validation {
    condition     = length(var.security_group_ids) <= 4
    error_message = "A task can have five security groups, of which one is the module's: security_group_ids can hold four."
  }
}

variable "egress" {
  description = "Where agents may call, by a name for each: a protocol (tcp, udp, icmp, or -1 for all) with its ports, and one of cidr_ipv4, cidr_ipv6, prefix_list_id and security_group_id. By default all of IPv4."
  type = map(object({
    ip_protocol       = optional(string, "-1")
    from_port         = optional(number)
    to_port           = optional(number)
    cidr_ipv4         = optional(string)
    cidr_ipv6         = optional(string)
    prefix_list_id    = optional(string)
    security_group_id = optional(string)
  }))
  default  = { everywhere = { cidr_ipv4 = "0.0.0.0/0" } }
  nullable = false

  validation {
    condition     = alltrue([for it in values(var.egress) : length([for one in [it.cidr_ipv4, it.cidr_ipv6, it.prefix_list_id, it.security_group_id] : one if one != null]) == 1])
    error_message = "Each of egress must have one of cidr_ipv4, cidr_ipv6, prefix_list_id and security_group_id."
  }
  validation {
    condition     = alltrue([for it in values(var.egress) : it.cidr_ipv4 == null ? true : can(cidrnetmask(it.cidr_ipv4))])
    error_message = "A cidr_ipv4 of egress must be a block such as 203.0.113.0/24."
  }
  validation {
    condition     = alltrue([for it in values(var.egress) : it.cidr_ipv6 == null ? true : can(cidrhost(it.cidr_ipv6, 0)) && !can(cidrnetmask(it.cidr_ipv6))])
    error_message = "A cidr_ipv6 of egress must be a block such as 2001:db8::/32."
  }
  validation {
    condition     = alltrue([for it in values(var.egress) : it.ip_protocol == "-1" ? it.from_port == null && it.to_port == null : it.from_port != null && it.to_port != null])
    error_message = "Each of egress must have from_port and to_port, or the protocol -1 and neither."
  }
}

variable "proxy" {
  description = "A proxy for agents, sidecar and endpoint: its URL, and hosts and domains that are reached without it (the VPC's endpoints among them). A password does not belong here: give HTTPS_PROXY with container_secrets instead."
  type = object({
    url      = string
    no_proxy = optional(list(string), [])
  })
  default = null

  validation {
    condition     = var.proxy == null ? true : can(regex("^https?://[A-Za-z0-9.-]+(:[0-9]+)?/?$", var.proxy.url))
    error_message = "proxy.url must be http:// or https://, a host and a port such as http://proxy.example.com:3128, without a user name."
  }
  validation {
    condition     = var.proxy == null ? true : alltrue([for it in var.proxy.no_proxy : can(regex("^[A-Za-z0-9.:/_-]+$", it))])
    error_message = "proxy.no_proxy must hold hosts, domains and addresses, one each."
  }
}

variable "ca_bundle" {
  description = "Certificates of authorities of your own, as PEM text, which sidecar and endpoint trust beside those of their images. A function has room for 4 KB of settings in all. The agent's are in its image, or in SSL_CERT_FILE of environment."
  type        = string
  default     = null

  validation {
    condition     = var.ca_bundle == null ? true : can(regex("^-----BEGIN CERTIFICATE-----\\s", trimspace(var.ca_bundle))) && !can(regex("PRIVATE KEY", var.ca_bundle))
    error_message = "ca_bundle must be PEM text: one or more blocks of BEGIN CERTIFICATE and END CERTIFICATE, and no key."
  }
}

variable "use_fips_endpoints" {
  description = "Whether sidecar and endpoint call AWS at its FIPS endpoints. Runs have settings of their own (AWS_USE_FIPS_ENDPOINT, in environment.agent)."
  type        = bool
  default     = false
}

variable "use_dualstack_endpoints" {
  description = "Whether sidecar and endpoint call AWS at endpoints that have IPv6 addresses as well."
  type        = bool
  default     = false
}

variable "aws_endpoints" {
  description = "Where sidecar and endpoint call AWS, as https URLs, for endpoints of the VPC without private names. Null: AWS's public names."
  type = object({
    ecs      = string
    dynamodb = string
    ssm      = string
  })
  default = null

  validation {
    condition     = var.aws_endpoints == null ? true : alltrue([for url in values(var.aws_endpoints) : can(regex("^https://[A-Za-z0-9.-]+(:[0-9]+)?/?$", url))])
    error_message = "aws_endpoints must hold https URLs without a path."
  }
  validation {
    condition     = var.aws_endpoints == null || !(var.use_fips_endpoints || var.use_dualstack_endpoints)
    error_message = "aws_endpoints says where AWS is by itself: it goes with neither use_fips_endpoints nor use_dualstack_endpoints."
  }
}

# What a company asks of whatever is made in its accounts.

variable "permissions_boundary_arn" {
  description = "Permissions boundary of every role that is made."
  type        = string
  default     = null

  validation {
    condition     = var.permissions_boundary_arn == null ? true : can(regex("^arn:[a-z-]+:iam::([0-9]{12}|aws):policy/", var.permissions_boundary_arn))
    error_message = "permissions_boundary_arn must be the ARN of a policy."
  }
}

variable "role_path" {
  description = "Path of every role that is made."
  type        = string
  default     = "/"

  validation {
    condition     = can(regex("^/([A-Za-z0-9+=,.@_-]+/)*$", var.role_path)) && length(var.role_path) <= 512
    error_message = "role_path must begin and end with \"/\", such as /platform/."
  }
}

variable "kms_key" {
  description = "A key of KMS for the secrets, the logs and the ledger's table, by ARN. Its policy must let CloudWatch Logs of this region use it, and who applies this make grants for DynamoDB. Null: AWS's own keys."
  type        = object({ arn = string })
  default     = null

  validation {
    condition     = var.kms_key == null ? true : can(regex("^arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/", var.kms_key.arn))
    error_message = "kms_key must have the ARN of a key (key/...); IAM does not take an alias for one."
  }
}

variable "ecs_cluster" {
  description = "Name of an existing cluster, with the capacity providers FARGATE and, for spot_share, FARGATE_SPOT. Runs can ask for all its tasks, and give them protection or take it away. Null: a new one."
  type        = object({ name = string })
  default     = null

  validation {
    condition     = var.ecs_cluster == null ? true : can(regex("^[A-Za-z0-9_-]{1,255}$", var.ecs_cluster.name))
    error_message = "ecs_cluster must have the name of a cluster, not its ARN."
  }
}

variable "container_insights" {
  description = "Container Insights of the new cluster: enabled, enhanced or disabled. Null: what the account has set."
  type        = string
  default     = null

  validation {
    condition     = var.container_insights == null ? true : contains(["enabled", "enhanced", "disabled"], var.container_insights)
    error_message = "container_insights must be enabled, enhanced or disabled."
  }
  validation {
    condition     = var.container_insights == null ? true : var.ecs_cluster == null
    error_message = "container_insights is for the new cluster: an existing one of ecs_cluster has its own."
  }
}

variable "enable_execute_command" {
  description = "Whether whoever may call ecs:ExecuteCommand gets a shell in an agent's container (ECS Exec), with what its run has. A run can open no shell by it."
  type        = bool
  default     = false
}

# To be called, and to see.

variable "metrics" {
  description = "Whether sidecar and endpoint write metrics into their log lines, which CloudWatch charges by the metric and the hour in which it was written. Null: where alarms or dashboard are asked for."
  type        = bool
  default     = null

  validation {
    condition     = coalesce(var.metrics, true) || (var.alarms == null && !var.dashboard)
    error_message = "alarms and dashboard show metrics: with metrics = false there can be neither."
  }
}

variable "alarms" {
  description = "Alarms of CloudWatch for what needs a person: topics of SNS that are told of each, which CloudWatch must be allowed to write to; the names of those that are not wanted; from when on some of them ring; after how many hours without a call one rings (null: never). What to do is in OPERATING.md. Null: none."
  type = object({
    topic_arns             = optional(list(string), [])
    except                 = optional(list(string), [])
    run_waits_seconds      = optional(number, 300)
    service_away_minutes   = optional(number, 10)
    agents_exposed_minutes = optional(number, 5)
    at_max_minutes         = optional(number, 15)
    no_calls_hours         = optional(number)
  })
  default = null

  validation {
    condition     = alltrue([for arn in try(var.alarms.topic_arns, []) : can(regex("^arn:[a-z-]+:sns:[a-z0-9-]+:[0-9]{12}:", arn))])
    error_message = "alarms.topic_arns must hold ARNs of topics of SNS."
  }
  validation {
    condition = alltrue([for name in try(var.alarms.except, []) : contains([
      "agents-crash", "agents-exposed", "agents-unknown", "at-max", "bad-metrics", "calls-fail", "endpoint-away", "endpoint-errors",
      "endpoint-throttled", "no-calls", "no-sweep", "protection-fails", "run-waits", "service-away", "starts-fail",
    ], name)])
    error_message = "alarms.except must hold names of alarms without the prefix, such as at-max; OPERATING.md has them all."
  }
  validation {
    condition     = try(var.alarms.run_waits_seconds >= 60 && var.alarms.run_waits_seconds <= 86400, var.alarms == null)
    error_message = "alarms.run_waits_seconds must be 60 (a boot takes as long) to 86400."
  }
  validation {
    # With periods of a minute; CloudWatch looks back no longer than a day.
    condition = alltrue([
      for minutes in [try(var.alarms.service_away_minutes, 1), try(var.alarms.agents_exposed_minutes, 1), try(var.alarms.at_max_minutes, 1)] :
      minutes >= 1 && minutes <= 1439 && floor(minutes) == minutes
    ])
    error_message = "alarms.service_away_minutes, agents_exposed_minutes and at_max_minutes must be whole numbers from 1 to 1439."
  }
  validation {
    condition     = alltrue([for hours in [try(var.alarms.no_calls_hours, null)] : hours == null ? true : hours >= 1 && hours <= 24 && floor(hours) == hours])
    error_message = "alarms.no_calls_hours must be a whole number from 1 to 24: CloudWatch looks back no longer than a day."
  }
}

variable "dashboard" {
  description = "Whether CloudWatch has a page of the pool: is anything wrong, who waits, what runs, what did it cost."
  type        = bool
  default     = false
  nullable    = false
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

variable "log_level" {
  description = "What sidecar and endpoint log: trace, debug, info, notice, warning, error or critical."
  type        = string
  default     = "info"

  validation {
    condition     = contains(["trace", "debug", "info", "notice", "warning", "error", "critical"], var.log_level)
    error_message = "log_level must be trace, debug, info, notice, warning, error or critical."
  }
}

variable "common_tags" {
  description = "Tags for everything that is made."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for key in keys(var.common_tags) : !startswith(lower(key), "aws:")])
    error_message = "AWS keeps tags that begin with \"aws:\" for itself."
  }
}

variable "ttl" {
  description = "Value of a tag \"ttl\", for accounts that remove what is past it. Null: no such tag."
  type        = string
  default     = null
}
