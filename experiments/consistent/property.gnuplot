# The consistency loss of a network trained without and one with consistency, against a time. An estimate may be below 0,
# and so the first axis is of asinh where it falls to 0. In the second picture the points with consistency are a little to
# the right of their times, for the sake of the error bars.
set logscale x
set xrange [0.08:100]
set xtics ('0.1' 0.1, '0.3' 0.3, '1' 1, '3' 3, '10' 10, '80' 80)
set ylabel 'L^2' offset 1
set bars small
title(k) = k ? 'with consistency' : 'without'
curves = "plot for [k=0:1] file using ($1 * apart**k):2*k+2:2*k+3 with yerrorlines linetype k + 1 pointtype 7 pointsize 0.4 title title(k)"

set xlabel 't'
set key left top
set nonlinear y via asinh(100 * y) inverse sinh(y) / 100
set ytics ('0' 0, '0.01' 0.01, '0.1' 0.1, '1' 1, '10' 10, '100' 100)
set output out.'-from.svg'
file = out.'-from.dat'
apart = 1
@curves

set xlabel 't′'
set key left bottom
unset nonlinear y
set ytics autofreq
set yrange [0:*]
set output out.'-to.svg'
file = out.'-to.dat'
apart = 1.06
@curves
