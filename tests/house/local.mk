# What holds for the house as a whole.

dist_check_SCRIPTS += %D%/test_rooms %D%/test_format %D%/test_manners %D%/test_equations
