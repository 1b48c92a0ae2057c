#!/bin/sh
# Makes what callbackd says to callers who ask for a callback, in Japanese, by
# espeak-ng and sox:
#
#     make-sounds.sh /var/lib/asterisk/sounds
#
# The files are ja/callbackd/*.wav and ja/digits/*.wav below that folder; with
# "language: ja" under attendant in callbackd.yaml they are found there. It is
# a synthetic voice, to begin with. A site may put recordings of a person in
# their place, of the same names.
set -eu

[ $# = 1 ] || { echo "usage: $0 FOLDER-OF-SOUNDS" >&2; exit 2; }
for program in espeak-ng sox; do
    command -v "$program" >/dev/null || { echo "$program is missing: apt-get install espeak-ng sox" >&2; exit 1; }
done
speech=$(mktemp -d)
trap 'rm -rf "$speech"' EXIT
mkdir -p "$1/ja/callbackd" "$1/ja/digits"

say() { # file, text in kana, which is what espeak-ng reads
    espeak-ng -v ja -s 150 -w "$speech/said.wav" "$2"
    # Telephones carry 8 kHz. The silence before and after is cut to a moment.
    sox "$speech/said.wav" -r 8000 -c 1 -b 16 "$speech/line.wav" norm -3 silence 1 0.05 0.5% reverse silence 1 0.05 0.5% reverse pad 0.1 0.2
    mv "$speech/line.wav" "$1.wav"
}

sounds=$1/ja/callbackd
say "$sounds/offer" "おりかえしの でんわを ごきぼうの かたは、いちを おしてください。"
say "$sounds/welcome" "おりかえし おでんわを いたします。"
say "$sounds/your-number" "おでんわばんごうは、"
say "$sounds/confirm" "です。よろしければ いちを、べつの ばんごうを ごきぼうの かたは にを、おりかえしが ふような かたは こめじるしを おしてください。"
say "$sounds/enter" "おりかえしさきの おでんわばんごうを しがいきょくばんから おして、さいごに シャープを おしてください。"
say "$sounds/invalid" "その ばんごうは うけつけられません。"
say "$sounds/leave-message" "はっしんおんの あとに ごようけんを おはなしください。おわりましたら シャープを おしてください。"
say "$sounds/registered" "おりかえしの うけつけを いたしました。おでんわを おまちください。"
say "$sounds/added" "すでに うけたまわって おります。おでんわを いましばらく おまちください。"
say "$sounds/cancelled" "おりかえしの うけつけを とりやめました。"
say "$sounds/no-number" "おでんわばんごうが わからないため、うけつけられませんでした。"
say "$sounds/failed" "もうしわけございません。ただいま うけつけられません。"

n=0
for digit in ぜろ いち に さん よん ご ろく なな はち きゅう; do
    say "$1/ja/digits/$n" "$digit"
    n=$((n + 1))
done
