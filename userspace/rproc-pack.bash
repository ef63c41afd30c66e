# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Completion of command lines of rproc-pack, for bash with the package bash-completion. What options there are, and what
# they take, is what "rproc-pack --help" says.

_rproc_pack()
{
	# Some are for that function alone.
	# shellcheck disable=SC2034
	local cur prev words cword split
	_init_completion -s || return

	local -A takes=()
	local option operand rest
	while read -r option operand rest; do
		takes[$option]=$operand
	done < <("$1" --help 2>/dev/null | grep -E '^ +--')

	if [[ $cur == -* ]]; then
		mapfile -t COMPREPLY < <(compgen -W "${!takes[*]}" -- "$cur")
		return
	fi
	case ${takes[$prev]-FILE} in
	FILE)
		_filedir
		;;
	esac
} &&
	complete -F _rproc_pack rproc-pack
