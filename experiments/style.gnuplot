# One style for all figures: thin grey frame on two sides, faint grid, four colours that differ in lightness too.
set encoding utf8
set samples 400
set border 3 linecolor rgb '#5c6670' linewidth 0.8
set tics nomirror out scale 0.6 textcolor rgb '#1d2329'
set grid linecolor rgb '#e4e8eb' linetype 1 linewidth 0.6
set key samplen 2 spacing 1.15 textcolor rgb '#1d2329' noautotitle
set linetype 1 linecolor rgb '#1f5f99' linewidth 2
set linetype 2 linecolor rgb '#d9822b' linewidth 2
set linetype 3 linecolor rgb '#226b3a' linewidth 2
set linetype 4 linecolor rgb '#8a3b73' linewidth 2
set palette defined (0 '#ffffff', 0.25 '#d3e2ef', 0.5 '#8fb7d8', 0.75 '#3f7fb5', 1 '#12395c')
narrow = 'set terminal svg size 480,360 dynamic font "Helvetica,Arial,Liberation Sans,sans-serif,15" background "white"'
wide = 'set terminal svg size 960,360 dynamic font "Helvetica,Arial,Liberation Sans,sans-serif,15" background "white"'
picture = 'set terminal pngcairo size 1040,680 fontscale 1 font "Liberation Sans,22" linewidth 2 background "white"'
@narrow
