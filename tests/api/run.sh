#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Runs a text file of commands against the program and compares what they print.
#
#   run.sh CORRIDOR FILE.api
#
# The file, line by line:
#   # text       a comment
#   $ command    run by bash in an empty directory, `corridor` is the program, $DATA the folder tests/api/data
#   < text       a line of its standard input
#   > text       a line that it prints, exactly; a line "> ..." stands for any number of lines
#   ~ pattern    a line that it prints, as an extended regular expression that must match the whole line
#   ! text       a line on standard error, exactly; "! ..." as above
#   !~ pattern   the same as a pattern
#   = number     the exit code; 0 when it is left out
# CORRIDOR_API_SHOW=1 prints the whole output of commands that fail, ready to be pasted (after reading it).
set -u
program=$(realpath "$1")
file=$(realpath "$2")
DATA=$(realpath "$(dirname "$0")/data")
export DATA
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/bin" "$work/dir"
ln -s "$program" "$work/bin/corridor"
PATH=$work/bin:$PATH
export PATH LC_ALL=C.UTF-8 TZ=UTC NO_COLOR=1
unset CORRIDOR_DATA COLUMNS
cd "$work/dir" || exit 2

failed=0 number=0 line_of_command=0 command='' code=0
input=() out=() err=()

# matches EXPECTED_ARRAY ACTUAL_FILE: each expected line is "=text", "~pattern" or "=...".
matches() {
	local -n expected=$1
	local -a actual=()
	mapfile -t actual < "$2"
	local at=0 skip=0 one kind text
	for one in "${expected[@]+"${expected[@]}"}"; do
		kind=${one:0:1} text=${one:1}
		if [[ $one == '=...' ]]; then
			skip=1
			continue
		fi
		while :; do
			if ((at >= ${#actual[@]})); then
				echo "  missing: $text"
				return 1
			fi
			if [[ $kind == '=' && ${actual[at]} == "$text" ]] || [[ $kind == '~' && ${actual[at]} =~ ^($text)$ ]]; then
				break
			fi
			if ((!skip)); then
				echo "  expected: $text"
				echo "  got:      ${actual[at]}"
				return 1
			fi
			((at++))
		done
		((at++))
		skip=0
	done
	if ((!skip && at < ${#actual[@]})); then
		echo "  too much: ${actual[at]}"
		return 1
	fi
}

finish() {
	[[ -z $command ]] && return
	printf '%s\n' "${input[@]+"${input[@]}"}" > "$work/in"
	((${#input[@]} == 0)) && : > "$work/in"
	bash -c "$command" < "$work/in" > "$work/out" 2> "$work/err"
	local got=$? problems=''
	problems+=$(matches out "$work/out") || problems+=$'\n'"  (standard output)"$'\n'
	problems+=$(matches err "$work/err") || problems+=$'\n'"  (standard error)"$'\n'
	((got == code)) || problems+="  exit code $got, expected $code"$'\n'
	if [[ -n $problems ]]; then
		echo "$file:$line_of_command: $command"
		echo "$problems"
		if [[ -s $work/err ]]; then sed 's/^/  stderr: /' "$work/err"; fi
		if [[ -n ${CORRIDOR_API_SHOW:-} ]]; then sed 's/^/> /; s/ $//' "$work/out"; sed 's/^/! /' "$work/err"; fi
		failed=$((failed + 1))
	fi
	number=$((number + 1))
	command='' code=0
	input=() out=() err=()
}

line=0
while IFS= read -r text || [[ -n $text ]]; do
	line=$((line + 1))
	case $text in
	'$ '*)
		finish
		command=${text:2} line_of_command=$line
		;;
	'< '* | '<') input+=("${text:2}") ;;
	'> '* | '>') out+=("=${text:2}") ;;
	'~ '*) out+=("~${text:2}") ;;
	'!~ '*) err+=("~${text:3}") ;;
	'! '* | '!') err+=("=${text:2}") ;;
	'= '*) code=${text:2} ;;
	'#'* | '') finish ;;
	*)
		echo "$file:$line: a line must begin with # \$ < > ~ ! ="
		exit 2
		;;
	esac
done < "$file"
finish
echo "$(basename "$file"): $number commands, $failed failed"
((failed == 0))
