"""DKN and FDKN: filtering by learned kernels at learned offsets (Kim, Ponce, Ham, IJCV 2021)."""
