# Completion of ferryctl(1) for fish.

# The words on the line that are neither options nor their values.
function __ferryctl_words
    set -l value
    for word in (commandline -opc)[2..-1]
        if set -q value[1]
            set -e value
        else if string match -qr -- '^-.' $word
            string match -qr -- '=|^--(json|all|all-versions|force|wait|follow|online|offline|everything|enable|disable|skip|new-secret|help|version)$|^-[hV]$' $word; or set value $word
        else
            echo $word
        end
    end
end

# Do these words stand at the beginning, one of them for each place? "device,upload" "list"
function __ferryctl_at
    set -l words (__ferryctl_words)
    for i in (seq (count $argv))
        contains -- "$words[$i]" (string split , -- $argv[$i]); or return 1
    end
end

function __ferryctl_count
    test (count (__ferryctl_words)) -eq $argv[1]
end

complete -c ferryctl -f
complete -c ferryctl -n '__ferryctl_count 0' -a 'product device resource deploy deployment upload object quota token user audit webhook store events statistics status settings'
complete -c ferryctl -n '__ferryctl_count 1; and __ferryctl_at product' -a 'add list show rm open close'
complete -c ferryctl -n '__ferryctl_count 1; and __ferryctl_at device' -a 'add import list show presence rm disable enable tag rotate'
complete -c ferryctl -n '__ferryctl_count 1; and __ferryctl_at resource' -a 'add uploads abandon list show describe get rm'
complete -c ferryctl -n '__ferryctl_count 1; and __ferryctl_at deployment' -a 'list show watch causes progress reports cancel pause resume retry'
complete -c ferryctl -n '__ferryctl_count 1; and __ferryctl_at upload' -a 'list show reports get rm'
complete -c ferryctl -n '__ferryctl_count 1; and __ferryctl_at object' -a 'verify'
complete -c ferryctl -n '__ferryctl_count 1; and __ferryctl_at quota' -a 'list show set reset'
complete -c ferryctl -n '__ferryctl_count 1; and __ferryctl_at token' -a 'add list rm'
complete -c ferryctl -n '__ferryctl_count 1; and __ferryctl_at user' -a 'add list passwd rm'
complete -c ferryctl -n '__ferryctl_count 1; and __ferryctl_at audit' -a 'list verify'
complete -c ferryctl -n '__ferryctl_count 1; and __ferryctl_at webhook' -a 'add list show change resume rm'
complete -c ferryctl -n '__ferryctl_count 1; and __ferryctl_at store' -a 'copy'
complete -c ferryctl -n '__ferryctl_count 2; and __ferryctl_at audit verify' -F
complete -c ferryctl -n '__ferryctl_count 3; and __ferryctl_at resource add' -F
complete -c ferryctl -n '__ferryctl_count 3; and __ferryctl_at device import' -F

complete -c ferryctl -l api -x -d 'Address of the operator API'
complete -c ferryctl -l token-file -rF -d 'File with the token'
complete -c ferryctl -l data -x -a '(__fish_complete_directories)' -d 'Data folder of a ferryd on this machine'
complete -c ferryctl -l ca-file -rF -d 'Certificates to trust (PEM)'
complete -c ferryctl -l json -d 'Print JSON and nothing else'
complete -c ferryctl -s h -l help -d 'This text, or that of one command'
complete -c ferryctl -s V -l version -d 'The version'

complete -c ferryctl -n '__ferryctl_at product,device,resource,deployment,upload,quota,token,user,audit,webhook list; or __ferryctl_at deployment show,progress,reports; or __ferryctl_at upload reports; or __ferryctl_at resource uploads; or __ferryctl_at device presence' -s n -l limit -x -d 'At most so many rows'
complete -c ferryctl -n '__ferryctl_at device,resource,upload list' -l prefix -x -d 'Only those whose name begins so'
complete -c ferryctl -n '__ferryctl_at upload list' -l state -x -a 'created uploading stored done failed expired cancelled' -d 'Only those in that state'
complete -c ferryctl -n '__ferryctl_at deployment list' -l state -x -a 'active paused finished cancelled' -d 'Only those in that state'
complete -c ferryctl -n '__ferryctl_at deployment retry' -l state -x -a 'failed timed_out rejected' -d 'Only those in that state'
complete -c ferryctl -n '__ferryctl_at deployment retry' -l result-code -x -d 'Only those that ended with that code'
complete -c ferryctl -n '__ferryctl_at deployment retry' -l result-msg -x -d 'Only those that ended with that text'
complete -c ferryctl -n '__ferryctl_at deployment show' -l state -x -a 'queued offered downloading done failed timed_out cancelled rejected' -d 'Only those in that state'
complete -c ferryctl -n '__ferryctl_at device add,rotate' -l device-info -rF -d 'Write the vendor\'s device_info.json there'
complete -c ferryctl -n '__ferryctl_at device add,rotate' -l secret-file -rF -d 'File with the secret that it has already'
complete -c ferryctl -n '__ferryctl_at webhook add,change' -l secret-file -rF -d 'File with a secret that is there already'
complete -c ferryctl -n '__ferryctl_at device add,list,tag; or __ferryctl_at deploy' -l tag -x -d 'A tag of devices'
complete -c ferryctl -n '__ferryctl_at device list' -l online -d 'Only devices that are connected'
complete -c ferryctl -n '__ferryctl_at device list' -l offline -d 'Only devices that are not connected'
complete -c ferryctl -n '__ferryctl_at device tag' -l untag -x -d 'Take this tag away'
complete -c ferryctl -n '__ferryctl_at product add,open; or __ferryctl_at device add,rotate; or __ferryctl_at resource,token,user,webhook add; or __ferryctl_at webhook change; or __ferryctl_at deploy' -l idempotency-key -x -d 'The same command with this key does nothing new'
complete -c ferryctl -n '__ferryctl_at device rotate; or __ferryctl_at webhook change' -l overlap -x -d 'The old secret is good that long besides'
complete -c ferryctl -n '__ferryctl_at resource add' -l name -x -d 'Name of the resource'
complete -c ferryctl -n '__ferryctl_at resource add,describe' -l description -x -d 'What it is, in your words'
complete -c ferryctl -n '__ferryctl_at token,user add' -l role -x -a 'viewer operator admin' -d 'What the holder may do'
complete -c ferryctl -n '__ferryctl_at object verify' -l limit-rate -x -d 'Read at most so many bytes a second'
complete -c ferryctl -n '__ferryctl_at token,user,webhook add; or __ferryctl_at audit list; or __ferryctl_at webhook change; or __ferryctl_at object verify' -l product -x -d 'Only for this product'
complete -c ferryctl -n '__ferryctl_at token add' -l expires -x -d 'Life of the token'
complete -c ferryctl -n '__ferryctl_at audit list' -l actor -x -d 'Only what this one did'
complete -c ferryctl -n '__ferryctl_at audit list' -l object -x -d 'Only what was done to this'
complete -c ferryctl -n '__ferryctl_at audit list' -l action -x -d 'Only actions that begin so'
complete -c ferryctl -n '__ferryctl_at audit list' -l sort -x -a 'seq -seq' -d 'By this, with - from the other end'
complete -c ferryctl -n '__ferryctl_at device list' -l sort -x -a 'name -name last_seen_at -last_seen_at' -d 'By this, with - from the other end'
complete -c ferryctl -n '__ferryctl_at resource list' -l sort -x -a 'created_at -created_at name -name size -size' -d 'By this, with - from the other end'
complete -c ferryctl -n '__ferryctl_at deployment list' -l sort -x -a 'created_at -created_at resource -resource' -d 'By this, with - from the other end'
complete -c ferryctl -n '__ferryctl_at upload list; or __ferryctl_at deployment show' -l sort -x -a 'created_at -created_at ended_at -ended_at' -d 'By this, with - from the other end'
complete -c ferryctl -n '__ferryctl_at audit,resource,deployment,upload list; or __ferryctl_at statistics' -l since -x -d 'Only since then, UTC'
complete -c ferryctl -n '__ferryctl_at statistics' -l until -x -d 'Only before then, UTC'
complete -c ferryctl -n '__ferryctl_at statistics' -l step -x -a 'hour day' -d 'A row for each hour or each day'
complete -c ferryctl -n '__ferryctl_at events; or __ferryctl_at webhook add,change' -l type -x -a 'download.changed upload.changed deployment.changed device.changed device.online device.offline resource.changed' -d 'Only events of that type'
complete -c ferryctl -n '__ferryctl_at events' -l after -x -d 'Begin behind that event'
complete -c ferryctl -n '__ferryctl_at events' -l follow -d 'Go on with what happens'
complete -c ferryctl -n '__ferryctl_at audit verify' -l anchor -rF -d 'File with number and hash of a record'
complete -c ferryctl -n '__ferryctl_at resource,upload get; or __ferryctl_at token add; or __ferryctl_at device import' -s o -l output -rF -d 'Where the file goes'
complete -c ferryctl -n '__ferryctl_at resource rm' -l all-versions -d 'Every version of that name'
complete -c ferryctl -n '__ferryctl_at deploy; or __ferryctl_at deployment show,cancel,retry; or __ferryctl_at webhook add,change' -l device -x -d 'A device'
complete -c ferryctl -n '__ferryctl_at deploy' -l devices-file -rF -d 'File with one device per line'
complete -c ferryctl -n '__ferryctl_at deploy' -l all -d 'All devices of the product'
complete -c ferryctl -n '__ferryctl_at deploy' -l rate -x -d 'Begin with at most so many devices a minute'
complete -c ferryctl -n '__ferryctl_at deploy' -l timeout -x -d 'Time of each device'
complete -c ferryctl -n '__ferryctl_at deploy' -l resource-id -x -d 'Deliver this version, not the newest one'
complete -c ferryctl -n '__ferryctl_at deploy' -l retries -x -d 'Try a device that failed so often by itself'
complete -c ferryctl -n '__ferryctl_at deploy' -l start -x -d 'Begin then'
complete -c ferryctl -n '__ferryctl_at deploy' -l end -x -d 'Give up then what has not ended'
complete -c ferryctl -n '__ferryctl_at deploy' -l force -d 'Also what vendor devices cannot handle'
complete -c ferryctl -n '__ferryctl_at deploy; or __ferryctl_at deployment retry' -l wait -d 'Wait until it has ended'
complete -c ferryctl -n '__ferryctl_at webhook change' -l url -x -d 'Send the events there'
complete -c ferryctl -n '__ferryctl_at webhook change' -l everything -d 'Leave no event out'
complete -c ferryctl -n '__ferryctl_at webhook change' -l enable -d 'Go on where it was disabled'
complete -c ferryctl -n '__ferryctl_at webhook change' -l disable -d 'Send nothing until it is enabled'
complete -c ferryctl -n '__ferryctl_at webhook change' -l new-secret -d 'Sign with a new secret'
complete -c ferryctl -n '__ferryctl_at webhook resume' -l skip -d 'Go on with what happens from now on'
complete -c ferryctl -n '__ferryctl_at store copy' -l config -rF -d 'Settings of the ferryd that is moved'
complete -c ferryctl -n '__ferryctl_at store copy' -l from -rF -d 'The SQLite file, if not that of the data folder'
complete -c ferryctl -n '__ferryctl_at store copy' -l to -x -d 'An empty PostgreSQL database'
