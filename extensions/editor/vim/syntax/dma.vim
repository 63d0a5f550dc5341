" Written by `deno task reference` from the words of the lexer.
if exists('b:current_syntax') | finish | endif
let b:current_syntax = "dma"

syn match dmaLabel /\v<\h\w*>%(\s*:)@=/
syn match dmaFunction /\v<\h\w*>%(\s*\()@=/
syn match dmaConstant /\v%(%(^|[^.]|\.\.)\s*)@<=<%(true|false|none)>%(\s*:)@!/
syn match dmaOperator /\v%(%(^|[^.]|\.\.)\s*)@<=<%(not|and|or)>%(\s*:)@!/
syn match dmaKeyword /\v%(%(^|[^.]|\.\.)\s*)@<=<%(machine|const|fn|use|test|property|bench|let|if|else|while|for|in|match|return|assert|expect)>%(\s*:)@!/
syn match dmaKeyword /\v%(%(^|[^.]|\.\.)\s*)@<=<%(expect)>%(\s*:)@!\s+%(%(^|[^.]|\.\.)\s*)@<=<%(error|fault|warning|events)>%(\s*:)@!%(\s*%(:))@!/
syn match dmaOperator /\v%(%(^|[^.]|\.\.)\s*)@<=<%(fails|faults|warns|as)>%(\s*:)@!/
syn match dmaKeyword /\v%(%(^|[^.]|\.\.)\s*)@<=<%(with|matrix|forall|nth)>%(\s*:)@!/
syn match dmaKeyword /\v%(%(^|[^.]|\.\.)\s*)@<=<%(per)>%(\s*:)@!\s+%(%(^|[^.]|\.\.)\s*)@<=<%(iteration)>%(\s*:)@!/
syn match dmaOperator /\v%(%(^|[^.]|\.\.)\s*)@<=<%(try)>%(\s*:)@!%(\s*%($|#|[,;)\]}]|\=[=>]@!|\+\=|\.\.@!|:))@!/
syn match dmaKeyword /\v%(%(^|[^.]|\.\.)\s*)@<=<%(trace|fork|race|compare)>%(\s*:)@!%(\s*\{)@=/
syn match dmaKeyword /\v%(^|[;{}]|\=\>|<skip)\s*\zs%(%(^|[^.]|\.\.)\s*)@<=<%(baseline)>%(\s*:)@!%(\s*\=[=>]@!)@=/
syn match dmaKeyword /\v%(^|[;{}]|\=\>|<skip)\s*\zs%(%(^|[^.]|\.\.)\s*)@<=<%(loop|budget)>%(\s*:)@!%(\s*%(\=[=>]@!|\+\=|\.\.@!))@!/
syn match dmaKeyword /\v%(^|[;{}]|\=\>|<skip)\s*\zs%(%(^|[^.]|\.\.)\s*)@<=<%(setup|teardown)>%(\s*:)@!%(\s*\{)@=/
syn match dmaKeyword /\v%(^|[;{}]|\=\>|<skip)\s*\zs%(%(^|[^.]|\.\.)\s*)@<=<%(driver|skip|repeat|break|continue|step|wait|advance|on|inject|remove|unplug|invariant|print|show|explain)>%(\s*:)@!%(\s*%(\=[=>]@!|\+\=|\.\.@!|\())@!/
syn match dmaKeyword /\v%(^|[;{}]|\=\>|<skip)\s*\zs%(%(^|[^.]|\.\.)\s*)@<=<%(unplug)>%(\s*:)@!\s+%(%(^|[^.]|\.\.)\s*)@<=<%(each)>%(\s*:)@!%(\s*%(:))@!/
syn match dmaKeyword /\v%(^|[;{}]|\=\>|<skip)\s*\zs%(%(^|[^.]|\.\.)\s*)@<=<%(remove)>%(\s*:)@!\s+%(%(^|[^.]|\.\.)\s*)@<=<%(each)>%(\s*:)@!%(\s*%(:))@!/
syn match dmaKeyword /\v%(^|[;{}]|\=\>|<skip)\s*\zs%(%(^|[^.]|\.\.)\s*)@<=<%(inject)>%(\s*:)@!\s+%(%(^|[^.]|\.\.)\s*)@<=<%(each)>%(\s*:)@!%(\s*%(:))@!/
syn match dmaKeyword /\v%(^|[;{}]|\=\>|<skip)\s*\zs%(%(^|[^.]|\.\.)\s*)@<=<%(on)>%(\s*:)@!\s+%(%(^|[^.]|\.\.)\s*)@<=<%(cpu|write|read)>%(\s*:)@!%(\s*%(:))@!/
syn match dmaKeyword /\v%(^|[;{}]|\=\>|<skip)\s*\zs%(%(^|[^.]|\.\.)\s*)@<=<%(on)>%(\s*:)@!\s+%(%(^|[^.]|\.\.)\s*)@<=<%(write|read)>%(\s*:)@!\s+%(%(^|[^.]|\.\.)\s*)@<=<%(bar)>%(\s*:)@!%(\s*[0-9])@=/
syn match dmaKeyword /\v%(^|[;{}]|\=\>|<skip)\s*\zs%(%(^|[^.]|\.\.)\s*)@<=<%(step)>%(\s*:)@!\s+%(%(^|[^.]|\.\.)\s*)@<=<%(until)>%(\s*:)@!%(\s*%(:))@!/
syn match dmaNumber /\v<\d[0-9A-Za-z_µμ]*%(\.\d\w*)?/
syn region dmaString start=/"/ skip=/\\./ end=/"\|$/ oneline
syn match dmaComment /#.*$/ contains=@Spell

hi def link dmaLabel Identifier
hi def link dmaFunction Function
hi def link dmaKeyword Keyword
hi def link dmaOperator Operator
hi def link dmaConstant Boolean
hi def link dmaNumber Number
hi def link dmaString String
hi def link dmaComment Comment
