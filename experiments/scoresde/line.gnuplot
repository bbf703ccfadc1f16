# The picture of particles on a line over the density of their law, of the SDE `file`: ve, vp or subvp. VE is drawn at
# asinh x, since its law spreads from tenths to tens.
@picture
set xlabel 't'
set ylabel 'x' rotate by 0
set key off
set border 0
unset grid
unset colorbox
set cbrange [0:1.35]
u(x) = file eq 've' ? asinh(x) : x
axes(file) = file eq 've' \
  ? "set yrange [-4.8:4.8]; set ytics ('−50' u(-50), '−10' u(-10), '−3' u(-3), '−1' u(-1), '0' 0, '1' u(1), '3' u(3), '10' u(10), '50' u(50))" \
  : "set yrange [-3.2:3.2]; set ytics 1 autofreq"
