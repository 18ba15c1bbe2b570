# Completion of ferryctl(1) for bash.

_ferryctl() {
  local everybody='--api --token-file --data --ca-file --json --help --version -h -V'
  local flags=' --json --help --version -h -V --all --all-versions --force --wait --follow --online --offline --everything --enable --disable --skip --new-secret '
  local -A options=(
    ['product add']='--idempotency-key' ['product list']='--limit -n' ['product show']='' ['product rm']=''
    ['product open']='--idempotency-key' ['product close']=''
    ['device add']='--device-info --secret-file --tag --idempotency-key' ['device import']='--output -o' ['device list']='--limit -n --sort --prefix --tag --online --offline' ['device show']='' ['device presence']='--limit -n'
    ['device rm']='' ['device disable']='' ['device enable']=''
    ['device tag']='--tag --untag'
    ['device rotate']='--overlap --device-info --secret-file --idempotency-key'
    ['resource add']='--name --description --idempotency-key' ['resource describe']='--description'
    ['resource list']='--limit -n --sort --prefix --since' ['resource show']=''
    ['resource uploads']='--limit -n' ['resource abandon']=''
    ['resource get']='--output -o' ['resource rm']='--all-versions'
    ['deploy']='--device --devices-file --tag --all --resource-id --rate --timeout --retries --start --end --force --wait --idempotency-key'
    ['deployment list']='--limit -n --sort --state --since' ['deployment show']='--limit -n --sort --state --device' ['deployment watch']=''
    ['deployment causes']='' ['deployment progress']='--limit -n' ['deployment reports']='--limit -n' ['deployment pause']='' ['deployment resume']=''
    ['deployment cancel']='--device' ['deployment retry']='--device --state --result-code --result-msg --wait'
    ['upload list']='--limit -n --sort --state --prefix --since' ['upload show']='' ['upload reports']='--limit -n' ['upload get']='--output -o' ['upload rm']=''
    ['object verify']='--product --limit-rate'
    ['quota list']='--limit -n' ['quota show']='' ['quota set']='' ['quota reset']=''
    ['token add']='--role --product --expires --output -o --idempotency-key' ['token list']='--limit -n' ['token rm']=''
    ['user add']='--role --product --idempotency-key' ['user list']='--limit -n' ['user passwd']='' ['user rm']=''
    ['audit list']='--limit -n --sort --product --actor --object --action --since' ['audit verify']='--anchor'
    ['webhook add']='--type --product --device --secret-file --idempotency-key' ['webhook list']='--limit -n' ['webhook show']=''
    ['webhook change']='--url --type --product --device --everything --enable --disable --new-secret --secret-file --overlap --idempotency-key'
    ['webhook resume']='--skip' ['webhook rm']=''
    ['store copy']='--config --from --to'
    ['events']='--type --after --follow' ['statistics']='--since --until --step' ['status']='' ['settings']=''
  )
  local -a words plain
  local current word option='' name key

  # COMP_WORDS is cut at "=" and ":" as well; only blanks count here
  read -ra words <<<"${COMP_LINE:0:COMP_POINT}"
  [[ ${COMP_LINE:0:COMP_POINT} != *[[:space:]] ]] || words+=('')
  current=${words[-1]}
  for word in "${words[@]:1:${#words[@]}-2}"; do
    if [[ -n $option ]]; then
      option='' # this was its value
    elif [[ $word == -?* ]]; then
      [[ $word == *=* || $flags == *" $word "* ]] || option=$word
    else
      plain+=("$word")
    fi
  done
  if [[ -z $option && $current == --*=* ]]; then
    option=${current%%=*}
    current=${current#*=}
  fi
  name=${plain[0]-}
  [[ -z $name || -v options[$name] ]] || name+=" ${plain[1]-}"

  COMPREPLY=()
  case $option in
    '') ;;
    --token-file | --ca-file | --device-info | --secret-file | --output | -o | --devices-file | --anchor | --config | --from)
      compopt -o default
      return ;;
    --data)
      compopt -o dirnames
      return ;;
    --type)
      word='download.changed upload.changed deployment.changed device.changed device.online device.offline resource.changed'
      mapfile -t COMPREPLY < <(compgen -W "$word" -- "$current")
      return ;;
    --step)
      mapfile -t COMPREPLY < <(compgen -W 'hour day' -- "$current")
      return ;;
    --role)
      mapfile -t COMPREPLY < <(compgen -W 'viewer operator admin' -- "$current")
      return ;;
    --sort)
      case $name in
        audit*) word='seq -seq' ;;
        device*) word='name -name last_seen_at -last_seen_at' ;;
        resource*) word='created_at -created_at name -name size -size' ;;
        'deployment list') word='created_at -created_at resource -resource' ;;
        *) word='created_at -created_at ended_at -ended_at' ;;
      esac
      mapfile -t COMPREPLY < <(compgen -W "$word" -- "$current")
      return ;;
    --state)
      case $name in
        upload*) word='created uploading stored done failed expired cancelled' ;;
        *retry) word='failed timed_out rejected' ;;
        *list) word='active paused finished cancelled' ;;
        *) word='queued offered downloading done failed timed_out cancelled rejected' ;;
      esac
      mapfile -t COMPREPLY < <(compgen -W "$word" -- "$current")
      return ;;
    *) return ;;
  esac
  if [[ $current == -* ]]; then
    [[ ! -v options[$name] ]] || everybody+=" ${options[$name]}"
    mapfile -t COMPREPLY < <(compgen -W "$everybody" -- "$current")
  elif ((${#plain[@]} == 0)); then
    word=$(printf '%s\n' "${!options[@]}" | cut -d ' ' -f 1)
    mapfile -t COMPREPLY < <(compgen -W "$word" -- "$current" | sort -u)
  elif ((${#plain[@]} == 1)) && [[ ! -v options[$name] ]]; then
    for key in "${!options[@]}"; do
      [[ $key != "${plain[0]} $current"* ]] || COMPREPLY+=("${key#* }")
    done
  elif [[ $name == 'resource add' || $name == 'device import' ]] && ((${#plain[@]} == 3)) || [[ $name == 'audit verify' ]]; then
    compopt -o default
  fi
}

complete -F _ferryctl ferryctl
