# Completion of ferry(1) for bash.

_ferry() {
  local everybody='--product --device --secret-file --device-info --broker --ca-file --cert-file --key-file
    --limit-rate --stall-timeout --low-speed --low-speed-time --config --json --state-dir --help --usage --version -? -V'
  local upload='--name --give-up' download='--dir --wait --give-up'
  local agent='--dir --hook --hook-shell --hook-timeout --hook-failed'
  local flags=' --json --wait --hook-failed --help --usage --version -? -V '
  local -a words
  local current word option='' command=''

  # COMP_WORDS is cut at "=" and ":" as well; only blanks count here
  read -ra words <<<"${COMP_LINE:0:COMP_POINT}"
  [[ ${COMP_LINE:0:COMP_POINT} != *[[:space:]] ]] || words+=('')
  current=${words[-1]}
  for word in "${words[@]:1:${#words[@]}-2}"; do
    if [[ -n $option ]]; then
      option='' # this was its value
    elif [[ $word == -* ]]; then
      [[ $word == *=* || $flags == *" $word "* ]] || option=$word
    elif [[ -z $command ]]; then
      command=$word
    fi
  done
  if [[ -z $option && $current == --*=* ]]; then
    option=${current%%=*}
    current=${current#*=}
  fi

  COMPREPLY=()
  case $option in
    '') ;;
    --secret-file | --device-info | --ca-file | --cert-file | --key-file | --config | --hook)
      compopt -o default
      return ;;
    --dir | --state-dir)
      compopt -o dirnames
      return ;;
    --broker)
      [[ $current == *:* ]] || mapfile -t COMPREPLY < <(compgen -W 'mqtt:// mqtts://' -- "$current")
      compopt -o nospace
      return ;;
    *) return ;;
  esac
  if [[ $current == -* ]]; then
    case $command in
      upload | download | agent) everybody+=" ${!command}" ;;
      '') everybody+=" $upload $download $agent" ;;
    esac
    mapfile -t COMPREPLY < <(compgen -W "$everybody" -- "$current" | sort -u)
  elif [[ -z $command ]]; then
    mapfile -t COMPREPLY < <(compgen -W 'upload download agent' -- "$current")
  elif [[ $command == upload ]]; then
    compopt -o default
  fi
}

complete -F _ferry ferry
