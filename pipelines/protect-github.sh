#!/bin/sh
# The part of protect.sh for GitHub. Reviewers are the owners of `*` in .github/CODEOWNERS. Names and values are those of
# https://docs.github.com/rest: repos/rules, deployments/environments, deployments/branch-policies, actions/permissions.
# shellcheck disable=SC2154 # of protect.sh
repository=${GITHUB_REPOSITORY:-$(gh repo view --json nameWithOwner --jq .nameWithOwner)}

api() {
    path=$1
    shift
    gh api "repos/$repository/$path" "$@"
}

send() { # METHOD PATH
    api "$2" --method "$1" --input "$folder/body"
}

# A ruleset, by its name.
ruleset() {
    api "rulesets?per_page=100" >"$folder/all"
    id=$(jq -r --arg name "$1" '.[] | select(.name == $name and .source_type == "Repository") | .id' "$folder/all")
    echo null >"$folder/found"
    [ -z "$id" ] || api "rulesets/$id" >"$folder/found"
    # By type: GitHub lists rules in an order of its own, and a rule more does no harm.
    filter='if . then {target, enforcement, bypass_actors, conditions,
        rules: (.rules | map({(.type): (.parameters // {})}) | add)} else . end'
    jq "$filter" "$folder/found" >"$folder/has"
    # Who may bypass a ruleset, GitHub tells those alone who may change it: the nightly run may not.
    jq --slurpfile has "$folder/has" "$filter | if \$has[0] and \$has[0].bypass_actors == null then
        del(.bypass_actors) else . end" "$folder/body" >"$folder/wants"
    if [ -n "$id" ]; then
        keep "ruleset $1" send PUT "rulesets/$id"
    else
        keep "ruleset $1" send POST rulesets
    fi
}

# An environment, for jobs of one branch or tag, or of any: NAME reviewed|unreviewed branch|tag|any [REF]
environment() {
    name=$1 kind=$3 ref=${4:-}
    jq --arg name "$name" '.environments | map(select(.name == $name)) | first' "$folder/environments" >"$folder/found"
    echo '{"branch_policies": []}' >"$folder/policies"
    if jq -e '.deployment_branch_policy.custom_branch_policies?' "$folder/found" >/dev/null; then
        api "environments/$name/deployment-branch-policies?per_page=100" >"$folder/policies"
    fi
    # Who starts a job does not let it as well, and no administrator passes by unseen.
    jq -n --arg kind "$kind" --arg reviewed "$2" --slurpfile reviewers "$folder/reviewers" '
        ($reviewed == "reviewed") as $reviewed | {
            wait_timer: 0, can_admins_bypass: false, prevent_self_review: $reviewed,
            reviewers: (if $reviewed then $reviewers[0] else [] end),
            deployment_branch_policy: (if $kind == "any" then null
                else {protected_branches: false, custom_branch_policies: true} end)
        }' >"$folder/body"
    jq '(.protection_rules // [] | map(select(.type == "required_reviewers")) | first) as $rule | if . then {
            can_admins_bypass, deployment_branch_policy,
            prevent_self_review: ($rule.prevent_self_review // false),
            reviewers: ($rule.reviewers // [] | map({type, id: .reviewer.id}) | sort_by(.id))
        } else . end' "$folder/found" >"$folder/has"
    jq 'del(.wait_timer)' "$folder/body" >"$folder/wants"
    keep "environment $name" send PUT "environments/$name"

    jq '.branch_policies | map({name, type: (.type // "branch")})' "$folder/policies" >"$folder/has"
    jq -n --arg type "$kind" --arg ref "$ref" 'if $type == "any" then [] else [{name: $ref, type: $type}] end' \
        >"$folder/wants"
    keep "environment $name: what may use it" refs
}

# Takes away the branches and tags that may use the environment and should not, and adds the one that should.
refs() {
    jq -r --arg type "$kind" --arg ref "$ref" \
        '.branch_policies[] | select([.name, .type // "branch"] != [$ref, $type]) | .id' "$folder/policies" >"$folder/others"
    while read -r id; do
        api "environments/$name/deployment-branch-policies/$id" --method DELETE
    done <"$folder/others"
    if jq -e --slurpfile wants "$folder/wants" '$wants[0] - map({name, type}) != []' "$folder/has" >/dev/null; then
        jq '.[0]' "$folder/wants" >"$folder/body"
        send POST "environments/$name/deployment-branch-policies"
    fi
}

# What has one value: NAME PATH, and the value as standard input.
setting() {
    cat >"$folder/body"
    cp "$folder/body" "$folder/wants"
    api "$2" >"$folder/has"
    keep "$1" send PUT "$2"
}

owners=$(sed -n 's/^\*[[:space:]]*//p' .github/CODEOWNERS)
for owner in $owners; do
    case $owner in
    @*/*)
        team=${owner#@}
        gh api "orgs/${team%%/*}/teams/${team#*/}" | jq '{type: "Team", id}'
        ;;
    *) gh api "users/${owner#@}" | jq '{type: "User", id}' ;;
    esac >>"$folder/owners"
done
jq -s 'sort_by(.id)' "$folder/owners" >"$folder/reviewers"

# 15368 is GitHub Actions; `test` is the job of test.yml.
cat >"$folder/body" <<'JSON'
{
  "name": "main", "target": "branch", "enforcement": "active", "bypass_actors": [],
  "conditions": {"ref_name": {"include": ["refs/heads/main"], "exclude": []}},
  "rules": [
    {"type": "deletion"}, {"type": "non_fast_forward"},
    {"type": "pull_request", "parameters": {
      "required_approving_review_count": 1, "require_code_owner_review": true, "dismiss_stale_reviews_on_push": true,
      "require_last_push_approval": true, "required_review_thread_resolution": false}},
    {"type": "required_status_checks", "parameters": {
      "strict_required_status_checks_policy": true,
      "required_status_checks": [{"context": "test", "integration_id": 15368}]}}
  ]
}
JSON
ruleset main
# 2 is the role Maintain, 5 is Admin: they make release tags, and nobody moves or deletes one.
cat >"$folder/body" <<'JSON'
{
  "name": "who makes release tags", "target": "tag", "enforcement": "active",
  "bypass_actors": [
    {"actor_id": 2, "actor_type": "RepositoryRole", "bypass_mode": "always"},
    {"actor_id": 5, "actor_type": "RepositoryRole", "bypass_mode": "always"}
  ],
  "conditions": {"ref_name": {"include": ["refs/tags/v*"], "exclude": []}},
  "rules": [{"type": "creation"}]
}
JSON
ruleset 'who makes release tags'
cat >"$folder/body" <<'JSON'
{
  "name": "release tags stay", "target": "tag", "enforcement": "active", "bypass_actors": [],
  "conditions": {"ref_name": {"include": ["refs/tags/v*"], "exclude": []}},
  "rules": [{"type": "update"}, {"type": "deletion"}]
}
JSON
ruleset 'release tags stay'

api "environments?per_page=100" >"$folder/environments"
environment dev unreviewed branch main
environment prod reviewed branch main
environment drift-dev unreviewed branch main
environment drift-prod unreviewed branch main
environment review-dev reviewed any
environment review-prod reviewed any
environment settings unreviewed branch main
environment release reviewed tag 'v*'

setting 'token of a job' actions/permissions/workflow <<'JSON'
{"default_workflow_permissions": "read", "can_approve_pull_request_reviews": false}
JSON
if [ "$(gh api "repos/$repository" | jq -r .visibility)" = public ]; then
    setting 'forks' actions/permissions/fork-pr-contributor-approval <<'JSON'
{"approval_policy": "all_external_contributors"}
JSON
else
    setting 'forks' actions/permissions/fork-pr-workflows-private-repos <<'JSON'
{"run_workflows_from_fork_pull_requests": true, "send_write_tokens_to_workflows": false,
 "send_secrets_and_variables": false, "require_approval_for_fork_pr_workflows": true}
JSON
fi

api "actions/secrets?per_page=100" >"$folder/all"
for secret in $(jq -r '.secrets[].name' "$folder/all"); do
    complain "secret $secret is the repository's, so that any pushed branch reads it: give it to an environment"
done
api codeowners/errors >"$folder/all"
jq -r '.errors[] | "CODEOWNERS, line \(.line): \(.kind)"' "$folder/all" >"$folder/lines"
while read -r line; do
    complain "$line"
done <"$folder/lines"
