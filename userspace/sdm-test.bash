# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Completion of command lines of sdm-test, for bash with the package bash-completion. What commands, operands and options
# there are is what "sdm-test --help" says.

# Prints "SECTION [-LETTER] --NAME [OPERAND...]" for each option of program $1.
_sdm_test_help()
{
	"$1" --help 2>/dev/null | awk '
		/^[A-Z].*:$/ { section = $1 }
		/^ (-., |    )--/ { sub(/^ +/, ""); sub(/  .*/, ""); gsub(/[],[]/, ""); print section, $0 }'
}

# Prints the numbers of what matches $1 among the devices and their peers.
_sdm_test_numbers()
{
	local path number
	# Tests have other devices.
	for path in "${SDM_TEST_DEVICES:-/sys/bus/sdm/devices}"/"$1"*; do
		number=${path##*/"$1"}
		[[ $number == [0-9]* && $number != *[!0-9]* ]] && echo "$number"
	done
}

_sdm_test()
{
	local cur prev words cword split
	_init_completion -s || return

	# What each option takes, and which of them are commands
	local -A takes=() commands=()
	local section words_of_line option
	while read -r section words_of_line; do
		for option in $words_of_line; do
			[[ $option == -* ]] || continue
			takes[$option]=${words_of_line##*-+([a-z])}
			[[ $section == Commands: ]] && commands[$option]=1
		done
	done < <(_sdm_test_help "$1")

	# What the words up to here were
	local command='' given=() i word wanted=''
	for ((i = 1; i < cword; i++)); do
		word=${words[i]}
		wanted=''
		if [[ $word != -?* ]]; then
			given+=("$word")
		elif [[ -n ${commands[$word]-} ]]; then
			command=$word
		elif [[ -n ${takes[$word]-} ]]; then
			wanted=${takes[$word]}
			((++i))
		fi
	done
	# An option before this word, with "=" or without, takes it.
	if $split; then
		wanted=${takes[$prev]-}
	elif ((i == cword)); then
		wanted=''
	fi

	if [[ -z $wanted && ($cur == -* || -z $command) ]]; then
		for option in "${!takes[@]}"; do
			[[ $option == --* && (-z $command || -z ${commands[$option]-}) ]] && wanted+=" $option"
		done
		mapfile -t COMPREPLY < <(compgen -W "$wanted" -- "$cur")
		return
	fi
	if [[ -z $wanted ]]; then
		local operands
		read -ra operands <<<"${takes[$command]}"
		wanted=${operands[${#given[@]}]-}
	fi
	case ${wanted// /} in
	DEV)
		mapfile -t COMPREPLY < <(compgen -W "$(_sdm_test_numbers sdm)" -- "$cur")
		;;
	PEER | DEST)
		mapfile -t COMPREPLY < <(compgen -W "$(_sdm_test_numbers "sdm${given[0]}-p")" -- "$cur")
		;;
	IMAGE | DTB | FILE)
		_filedir
		;;
	esac
} &&
	complete -F _sdm_test sdm-test
