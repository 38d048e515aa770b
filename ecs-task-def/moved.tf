# Names of earlier versions. What has moved is not made anew.

moved {
  from = aws_vpc_security_group_egress_rule.agents
  to   = aws_vpc_security_group_egress_rule.agents["everywhere"]
}

moved {
  from = aws_vpc_security_group_egress_rule.endpoint[0]
  to   = aws_vpc_security_group_egress_rule.endpoint["https"]
}

moved {
  from = aws_vpc_security_group_ingress_rule.load_balancer["0.0.0.0/0"]
  to   = aws_vpc_security_group_ingress_rule.load_balancer["everybody"]
}
