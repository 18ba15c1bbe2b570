# Completion of ferry(1) for fish.

# The command that stands on the line, nothing while there is none.
function __ferry_command
    set -l value
    for word in (commandline -opc)[2..-1]
        if set -q value[1]
            set -e value
        else if string match -q -- '-*' $word
            string match -qr -- '=|^--(json|wait|hook-failed|help|usage|version)$|^-[?V]$' $word; or set value $word
        else
            echo $word
            return
        end
    end
end

function __ferry_may
    set -l command (__ferry_command)
    test -z "$command"; or contains -- $command $argv
end

complete -c ferry -f
complete -c ferry -n 'not count (__ferry_command) >/dev/null' -a upload -d 'Send a file'
complete -c ferry -n 'not count (__ferry_command) >/dev/null' -a download -d 'Fetch the file that waits'
complete -c ferry -n 'not count (__ferry_command) >/dev/null' -a agent -d 'Stay and take every file'
complete -c ferry -n 'contains upload (__ferry_command)' -F

complete -c ferry -l product -x -d 'Product of this device'
complete -c ferry -l device -x -d 'Name of this device'
complete -c ferry -l secret-file -rF -d 'File with the device secret'
complete -c ferry -l device-info -rF -d 'The vendor\'s device_info.json'
complete -c ferry -l broker -x -a 'mqtt:// mqtts://' -d 'Address of the broker'
complete -c ferry -l ca-file -rF -d 'Certificates to trust'
complete -c ferry -l cert-file -rF -d 'Client certificate'
complete -c ferry -l key-file -rF -d 'Key of the client certificate'
complete -c ferry -l limit-rate -x -d 'At most so many bytes a second'
complete -c ferry -l stall-timeout -x -d 'Try again when nothing moves for this time'
complete -c ferry -l low-speed -x -d 'Try again when less bytes a second than this move'
complete -c ferry -l low-speed-time -x -d '... on average over this time'
complete -c ferry -l config -rF -d 'INI file with these settings'
complete -c ferry -l json -d 'Print JSON and nothing else'
complete -c ferry -l state-dir -x -a '(__fish_complete_directories)' -d 'Where unfinished transfers are remembered'
complete -c ferry -s '?' -l help -d 'Show help'
complete -c ferry -l usage -d 'Show a short usage message'
complete -c ferry -s V -l version -d 'Show the version'

complete -c ferry -n '__ferry_may upload' -l name -x -d 'Name on the platform'
complete -c ferry -n '__ferry_may upload download' -l give-up -x -d 'Stop after this time without progress'
complete -c ferry -n '__ferry_may download agent' -l dir -x -a '(__fish_complete_directories)' -d 'Folder for received files'
complete -c ferry -n '__ferry_may download' -l wait -d 'Wait until a file is offered'
complete -c ferry -n '__ferry_may agent' -l hook -rF -d 'Run this program for each received file'
complete -c ferry -n '__ferry_may agent' -l hook-shell -x -d 'The same as a command of /bin/sh'
complete -c ferry -n '__ferry_may agent' -l hook-timeout -x -d 'End the hook after this time'
complete -c ferry -n '__ferry_may agent' -l hook-failed -d 'Run the hook also for files that failed'
