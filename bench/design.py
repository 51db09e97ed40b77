# SPDX-License-Identifier: Apache-2.0
"""Prints the corridor file of the benchmark: 64 touch points, one or two expectations each."""
stages = ["awareness", "discovery", "purchase", "fulfilment", "onboarding", "use", "billing", "support"]
print("""corridor: 1
brand: Benchmark
timezone: UTC
currency: EUR
stages: [%s]
channels: {web: digital, app: digital, phone: contact-centre, chat: contact-centre, email: digital, store: in-person,
  social: public, partner: partner}
touchpoints:""" % ", ".join(stages))
for i in range(64):
    print(f"""  tp-{i:02d}:
    stage: {stages[i // 8]}
    match: [{{event: tp-{i:02d}}}]
    expect:
      recommends: {{measure: nps, at least: 7}}
      quick: {{measure: duration, at most: 30s, for: 60%}}""")
