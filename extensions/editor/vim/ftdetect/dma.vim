autocmd BufNewFile,BufRead *.dma setfiletype dma
