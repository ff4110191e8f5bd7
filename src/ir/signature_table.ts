/**
 * Slots and attributes of the standard operators, a line for each signature. Made by `npm run generate` (tools/make_signatures.ts, which
 * describes the lines); not edited by hand.
 */
export const SIGNATURES = `
auc|Predict Label StatPos StatNeg InsTagWeight?|AUC StatPosOut StatNegOut|scurve=ROC inum_thresholds=8191 islide_steps=1
accuracy|Out Indices Label|Accuracy Correct Total|
yolo_box|X ImgSize|Boxes Scores|Ianchors iclass_num=1 fconf_thresh=0.01 idownsample_ratio=32 bclip_bbox=1 fscale_x_y=1 biou_aware fiou_aware_factor=0.5
prior_box|Input Image|Boxes Variances|Fmin_sizes! Fmax_sizes Faspect_ratios Fvariances bflip=1 bclip=1 fstep_w fstep_h foffset=0.5 bmin_max_aspect_ratios_order
log_loss|Predicted Labels|Loss|fepsilon!|+ Loss'|Predicted'?
kldiv_loss|X Target|Loss|sreduction=mean|+ Loss'|X'?
rnn|Input PreState* WeightList* SequenceLength?|Out DropoutState? State* Reserve|fdropout_prob bis_bidirec iinput_size=10 ihidden_size=100 inum_layers=1 smode=RNN_TANH iseed bis_test|+ DropoutState? Out? Reserve? Out' State'*|Input'? PreState'* WeightList'*
multiclass_nms3|BBoxes Scores RoisNum?|Out Index NmsRoisNum?|fscore_threshold! inms_top_k! ikeep_top_k! fnms_threshold=0.3 bnormalized=1 fnms_eta=1 ibackground_label
unique|X|Out Indices? Index Counts?|breturn_index breturn_inverse breturn_counts Iaxis tdtype=int64 bis_sorted
argsort|X|Out Indices|iaxis=-1 bdescending|Indices + Out'|-
kthvalue|X|Out Indices|ik=1 iaxis=-1 bkeepdim|+ Indices Out'|-
mode|X|Out Indices|iaxis=-1 bkeepdim|+ Indices Out'|-
top_k|X K?|Out Indices|ik=1|X Indices Out'|X'?|
top_k_v2|X K?|Out Indices|ik=1 iaxis=-1 blargest=1 bsorted=1|X Indices Out' K?|X'?
max_pool2d_with_index|X|Out Mask|Iksize! Istrides=[1,1] Ipaddings=[0,0] bglobal_pooling badaptive|+ Mask Out'|-
max_pool3d_with_index|X|Out Mask|Iksize! Istrides=[1,1,1] Ipaddings=[0,0,0] bglobal_pooling badaptive|+ Mask Out'|-
dropout|X Seed?|Out Mask|fdropout_prob=0.5 bis_test sdropout_implementation=downgrade_in_infer bfix_seed iseed|Mask? Out'|X'?
norm|X|Out Norm|iaxis! fepsilon=1e-10 bis_test|+ Norm Out'|-
huber_loss|X Y|Out Residual|fdelta!|Residual Out'|-
nll_loss|X Label Weight?|Out Total_weight|lignore_index=-100 sreduction=mean|+ Total_weight Out'|X'?
flatten2|X|Out XShape|iaxis=1|Out' XShape|-|
flatten_contiguous_range|X|Out XShape|istart_axis=1 istop_axis=1|Out' XShape|-|
squeeze2|X|Out XShape|Iaxes|Out' XShape|-|
transpose2|X|Out XShape|Iaxis! sdata_format=AnyLayout|Out' XShape|-
unsqueeze2|X AxesTensor? AxesTensorList*|Out XShape|Iaxes|AxesTensor? AxesTensorList* Out' XShape|X'?|
reshape2|X Shape? ShapeTensor*|Out XShape|Ishape|Out' XShape|X'?|
check_finite_and_unscale|X* Scale|Out* FoundInfinite|
update_loss_scaling|X* FoundInfinite PrevLossScaling InGoodSteps InBadSteps StopUpdate?|Out* LossScaling OutGoodSteps OutBadSteps|iincr_every_n_steps! idecr_every_n_nan_or_inf! fincr_ratio! fdecr_ratio! bstop_update
conditional_block|Cond* Input*|Out* Scope|ksub_block! bis_scalar_condition Sskip_eager_deletion_vars
while|X* Condition*|Out* StepScopes|ksub_block! bis_test Sskip_eager_deletion_vars
unbind|X|Out*|iaxis
split|X AxisTensor? SectionsTensorList*|Out*|Isections inum iaxis
broadcast_tensors|X*|Out*||+ Out'*|-
meshgrid|X*|Out*||+ outputs'*|-
fused_conv2d_add_act|Input Filter Bias? ResidualData?|Output Outputs*|Istrides=[1,1] Ipaddings=[0,0] spadding_algorithm=EXPLICIT Idilations=[1,1] igroups=1 sdata_format=NCHW bis_test sactivation=relu Isplit_channels ffuse_alpha
box_coder|PriorBox PriorBoxVar? TargetBox|OutputBox|scode_type=encode_center_size bbox_normalized=1 iaxis Fvariance
inverse|Input|Output||= Output'|-
conv2d depthwise_conv2d|Input Filter|Output|Istrides=[1,1] Ipaddings=[0,0] spadding_algorithm=EXPLICIT Idilations=[1,1] igroups=1 sdata_format=NCHW bis_test|+ Output'|-
conv3d|Input Filter|Output|Istrides=[1,1,1] Ipaddings=[0,0,0] spadding_algorithm=EXPLICIT Idilations=[1,1,1] igroups=1 sdata_format=NCDHW bis_test|+ Output'|-
conv3d_transpose|Input Filter|Output|Istrides=[1,1,1] Ipaddings=[0,0,0] Ioutput_padding Ioutput_size spadding_algorithm=EXPLICIT igroups=1 Idilations=[1,1,1] sdata_format=NCHW|+ Output'|-
conv2d_transpose depthwise_conv2d_transpose|Input Filter Bias?|Output|Istrides=[1,1] Ipaddings=[0,0] Ioutput_padding Ioutput_size spadding_algorithm=EXPLICIT igroups=1 Idilations=[1,1] sdata_format=NCHW bis_test|+ Output'|Input'? Filter'?
affine_grid|Theta OutputShape?|Output|Ioutput_shape balign_corners=1|Output' +|Theta'?
grid_sampler|X Grid|Output|smode=bilinear spadding_mode=zeros balign_corners=1|+ Output'|-
assign_value||Out|Ishape! tdtype! Ibool_values Ffp32_values Dfp64_values Iint32_values Lint64_values
eye||Out|lnum_rows! lnum_columns=-1 tdtype=float32
randperm||Out|in! tdtype=int64 iseed
seed||Out|iseed
truncated_gaussian_random||Out|Ishape! fmean fstd=1 iseed tdtype=float32
where_index|Condition|Out|
where|Condition X Y|Out||+ Out'|X'? Y'?
lookup_table_v2|Ids W|Out|lpadding_idx=-1 bis_sparse|+ Out'|W'?
determinant slogdeterminant|Input|Out||+ = Out'|-
diag_embed|Input|Out|ioffset idim1=-2 idim2=-1
diagonal trace|Input|Out|ioffset iaxis1 iaxis2=1|+ Out'|-
fill_constant_batch_size_like|Input|Out|Ishape! iinput_dim_idx ioutput_dim_idx tdtype=float32 fvalue sstr_value
shape size|Input|Out|
allclose isclose|Input Other Rtol? Atol?|Out|srtol=1e-5 satol=1e-8 bequal_nan
slice|Input StartsTensor? EndsTensor? StartsTensorList* EndsTensorList*|Out|Iaxes! Istarts Iends Iinfer_flags Idecrease_axis|+ Out'|Input'?
strided_slice|Input StartsTensor? EndsTensor? StartsTensorList* EndsTensorList* StridesTensor? StridesTensorList*|Out|Iaxes! Istarts Iends Iinfer_flags Idecrease_axis Istrides|+ Out'|Input'?
set_value|Input ValueTensor? StartsTensorList* EndsTensorList* StepsTensorList*|Out|tdtype=float32 Laxes! Lstarts Lends Lsteps Ldecrease_axes Lnone_axes Cvalues Lshape
fc|Input W Bias?|Out|iin_num_col_dims=1 sactivation_type bpadding_weights
addmm|Input X Y|Out|fAlpha=1 fBeta=1|+ Out'|-
gaussian_random|ShapeTensor? ShapeTensorList*|Out|Lshape fmean fstd=1 iseed tdtype=float32
randint|ShapeTensor? ShapeTensorList*|Out|ilow! ihigh! Lshape tdtype=int64 iseed
uniform_random|ShapeTensor? ShapeTensorList*|Out|Lshape tdtype=float32 fmin=-1 fmax=1 iseed idiag_num idiag_step fdiag_val=1
searchsorted|SortedSequence Values|Out|bout_int32 bright
range|Start End Step|Out|
linspace|Start Stop Num|Out|tdtype!
fill_constant|ValueTensor? ShapeTensor? ShapeTensorList*|Out|tdtype=float32 fvalue sstr_value Lshape
lookup_table|W Ids|Out|bis_sparse lpadding_idx=-1 bremote_prefetch sentry_config bis_test sentry=none stable_class=none Stable_names itrainer_id bgrad_inplace Sepmap Lheight_sections bis_distributed islot|Ids W Out'|W'?
abs acos acosh asin asinh atan atanh cos cosh digamma erf l1_norm lgamma log log10 log1p log2 logsigmoid mean sin sinh softsign square squared_l2_norm tan tanh_shrink|X|Out||+ Out'|-
arg_max arg_min|X|Out|laxis! bkeepdims bflatten tdtype=int64
assign bernoulli bitwise_not fill_zeros_like get_tensor_from_selected_rows is_empty isfinite_v2 isinf_v2 isnan_v2 logical_not merge_selected_rows share_data sign|X|Out|
brelu|X|Out|ft_min ft_max=24|+ Out'|-
cast|X|Out|tin_dtype! tout_dtype!
ceil floor round trunc|X|Out||Out'|-
celu|X|Out|falpha=1|+ Out'|-
channel_shuffle|X|Out|igroups! sdata_format=NCHW|Out'|-
clip_by_norm|X|Out|fmax_norm!
cumprod|X|Out|idim!|+ = Out'|-
cumsum|X|Out|iaxis=-1 bflatten bexclusive breverse|+ Out'|-
diag_v2|X|Out|ioffset fpadding_value|+ Out'|-
elu|X|Out|falpha=1|+ = Out'|-
exp expm1 reciprocal relu rsqrt sigmoid sqrt tanh|X|Out||= Out'|-
fetch|X|Out|icol!
fill_any|X|Out|fvalue|Out'|-
fill_any_like|X|Out|fvalue tdtype=-1
fill_diagonal|X|Out|fvalue ioffset bwrap|Out'|-
fill_zeros_like2|X|Out|tdtype=float32
flip reverse|X|Out|Iaxis!
frobenius_norm reduce_max reduce_min reduce_prod|X|Out|Idim=[0] bkeep_dim breduce_all tin_dtype=-1 tout_dtype=-1|+ = Out'|-
gelu|X|Out|bapproximate|+ Out'|-
hard_shrink|X|Out|fthreshold=0.5|+ Out'|-
hard_sigmoid|X|Out|fslope=0.2 foffset=0.5|= Out'|-
hard_swish|X|Out|fthreshold=6 fscale=6 foffset=3|+ Out'|-
increment|X|Out|fstep=1
leaky_relu|X|Out|falpha=0.02|+ Out'|-
log_softmax|X|Out|iaxis=-1|= Out'|-
logcumsumexp|X|Out|iaxis=-1 bflatten bexclusive breverse|+ = Out'|-
logit|X|Out|feps=0.000001|+ Out'|-
logsumexp|X|Out|Iaxis=[0] bkeepdim breduce_all|+ = Out'|-
matrix_power|X|Out|in!|+ = Out'|-
maxout|X|Out|igroups! iaxis=1|+ = Out'|-
memcpy|X|Out|idst_place_type!
mish|X|Out|fthreshold=20|+ Out'|-
p_norm|X|Out|fporder=2 iaxis=-1 fepsilon=1e-12 bkeepdim basvector|+ = Out'|-
pad|X|Out|Ipaddings! fpad_value|Out'|-
pixel_shuffle|X|Out|iupscale_factor=1 sdata_format=NCHW|Out'|-
pixel_unshuffle|X|Out|idownscale_factor=1 sdata_format=NCHW|Out'|-
pool2d|X|Out|Iksize! Istrides=[1,1] Ipaddings=[0,0] bceil_mode bexclusive=1 sdata_format=NCHW spooling_type bglobal_pooling badaptive spadding_algorithm=EXPLICIT bis_test|+ = Out'|-
pool3d|X|Out|Iksize! Istrides=[1,1,1] Ipaddings=[0,0,0] bceil_mode bexclusive=1 sdata_format=NCDHW spooling_type bglobal_pooling badaptive spadding_algorithm=EXPLICIT|+ = Out'|-
reduce_mean reduce_sum|X|Out|Idim=[0] bkeep_dim breduce_all tin_dtype=-1 tout_dtype=-1|+ Out? Out'|-
relu6|X|Out|fthreshold=6|= Out'|-
selu|X|Out|fscale=1.050701 falpha=1.6732632|= Out'|-
shard_index|X|Out|iindex_num! inshards! ishard_id! iignore_value=-1
shuffle_channel|X|Out|igroup=1|Out'|-
silu|X|Out||+ = Out'|-
soft_relu|X|Out|fthreshold=40|= Out'|-
softmax|X|Out|iaxis=-1 sdata_format=AnyLayout bis_test|= Out'|-
softplus|X|Out|fbeta=1 fthreshold=20|+ Out'|-
softshrink|X|Out|flambda=0.5|+ Out'|-
stanh|X|Out|fscale_a=0.67 fscale_b=1.7159|+ Out'|-
swish|X|Out|fbeta=1|+ Out'|-
temporal_shift|X|Out|iseg_num! fshift_ratio=0.25 sdata_format=NCHW|Out'|-
thresholded_relu|X|Out|fthreshold=1|+ Out'|-
tril_triu|X|Out|idiagonal blower|Out'|-
prelu|X Alpha|Out|sdata_format=NCHW smode=all bis_test|+ Out'|-
reduce_all reduce_any|X AxisTensor? AxisTensorList*|Out|Ldim=[0] bkeep_dim breduce_all tin_dtype=-1 tout_dtype=-1
reduce_amax reduce_amin|X AxisTensor? AxisTensorList*|Out|Ldim=[0] bkeep_dim breduce_all tin_dtype=-1 tout_dtype=-1|X = Out' AxisTensor? AxisTensorList*|X'?
expand|X ExpandTimes? expand_times_tensor*|Out|Iexpand_times|X Out' ExpandTimes? expand_times_tensor*|X'?
pow|X FactorTensor?|Out|ffactor=1|+ Out'|X'?
scatter|X Ids Updates|Out|boverwrite=1|Ids Updates Out'|X'? Updates'?
gather_nd index_sample|X Index|Out||+ Out'|X'?
index_select|X Index|Out|idim|+ Out'|X'?
index_add|X Index AddValue|Out|iaxis|Index AddValue Out'|X'? AddValue'?
gather|X Index Axis?|Out|iaxis|+ Out'|X'?
scatter_nd_add|X Index Updates|Out||Index Updates Out'|X'? Updates'?
bce_loss|X Label|Out||+ Out'|X'?
sigmoid_cross_entropy_with_logits|X Label pos_weight?|Out|bnormalize iignore_index=-100|+ Out'|X'?
clip|X Min? Max?|Out|fmin! fmax!|+ Out'|X'?
bicubic_interp bilinear_interp linear_interp nearest_interp trilinear_interp|X OutSize? SizeTensor* Scale?|Out|sdata_layout=NCHW iout_d iout_h iout_w sinterp_method=bilinear balign_corners=1 ialign_mode=1 fscale|+ Out'|X'?
bicubic_interp_v2 bilinear_interp_v2 linear_interp_v2 nearest_interp_v2 trilinear_interp_v2|X OutSize? SizeTensor* Scale?|Out|sdata_layout=NCHW iout_d iout_h iout_w sinterp_method=bilinear balign_corners=1 ialign_mode=1 Fscale|+ Out'|X'?
pad3d|X Paddings?|Out|Ipaddings! smode=constant fvalue sdata_format=NCDHW|+ Out'|X'?
label_smooth|X PriorDist?|Out|fepsilon|Out'|X'?
tile|X RepeatTimes? repeat_times_tensor*|Out|Irepeat_times|+ Out'|X'?
repeat_interleave|X RepeatsTensor?|Out|iRepeats idim|+ Out'|X'?
affine_channel|X Scale Bias|Out|sdata_layout=AnyLayout|X Scale Out'|-
scale|X ScaleTensor?|Out|fscale=1 fbias bbias_after_scale=1
reshape|X Shape? ShapeTensor*|Out|Ishape|+ = Out'|X'?
crop_tensor|X Shape? ShapeTensor* Offsets? OffsetsTensor*|Out|Ishape Ioffsets|X Offsets? OffsetsTensor* Out'|X'?
expand_v2|X Shape? expand_shapes_tensor*|Out|Ishape|+ Out'|X'?
roll|X ShiftsTensor?|Out|Lshifts Laxis|+ Out'|X'?
mv|X Vec|Out||+ Out'|-
bincount|X Weights?|Out|iminlength
bitwise_and bitwise_or bitwise_xor equal_all logical_and logical_or logical_xor|X Y|Out|
bmm dot elementwise_fmax elementwise_fmin elementwise_heaviside kron|X Y|Out||+ Out'|-
cross|X Y|Out|idim=9|+ Out'|-
elementwise_add elementwise_max elementwise_min elementwise_mul elementwise_pow elementwise_sub|X Y|Out|iaxis=-1|+ Out'|-
elementwise_div|X Y|Out|iaxis=-1|+ = Out'|-
elementwise_floordiv elementwise_mod equal grad_add greater_equal greater_than less_equal less_than not_equal|X Y|Out|iaxis=-1
iou_similarity|X Y|Out|bbox_normalized=1
matmul|X Y|Out|btranspose_X btranspose_Y falpha=1 fScale_x=1 fScale_y=1 fScale_out=1 bforce_fp32_output ihead_number=1|+ Out'|-
matmul_v2|X Y|Out|btrans_x btrans_y|+ Out'|-
mul|X Y|Out|ix_num_col_dims=1 iy_num_col_dims=1|+ Out'|-
solve|X Y|Out||+ = Out'|-
triangular_solve|X Y|Out|bupper=1 btranspose bunitriangular|+ = Out'|-
lerp|X Y Weight|Out||+ = Out'|X'? Y'?
expand_as_v2|X Y?|Out|Itarget_shape|X Out'|X'?
one_hot_v2|X depth_tensor?|Out|idepth=-1 tdtype=float32 ballow_out_of_range
multi_dot|X*|Out||+ Out'|-
sum|X*|Out|
concat|X* AxisTensor?|Out|iaxis|X* Out' AxisTensor?|X'*
multiplex|X* Ids|Out||Ids X* Out'|X'*
select_input|X* Mask|Out|
atan2|X1 X2|Out||+ Out'|-
feed|X?|Out|icol!
adadelta|Param Grad LearningRate AvgSquaredGrad AvgSquaredUpdate MasterParam?|ParamOut AvgSquaredGradOut AvgSquaredUpdateOut MasterParamOut?|frho=0.95 fepsilon=0.000001 bmulti_precision
sgd|Param LearningRate Grad MasterParam?|ParamOut MasterParamOut?|bmulti_precision
rmsprop|Param Grad LearningRate MeanSquare Moment MeanGrad? MasterParam?|ParamOut MeanSquareOut MomentOut MeanGradOut MasterParamOut?|fepsilon=1e-10 fdecay=0.9 fmomentum bcentered bmulti_precision
adam|Param Grad LearningRate Moment1 Moment2 Beta1Pow Beta2Pow MasterParam? SkipUpdate? Beta1Tensor? Beta2Tensor? EpsilonTensor?|ParamOut Moment1Out Moment2Out Beta1PowOut Beta2PowOut MasterParamOut?|fbeta1=0.9 fbeta2=0.999 fepsilon=1e-8 blazy_mode lmin_row_size_to_use_multithread=1000 bmulti_precision buse_global_beta_pow
adamw|Param Grad LearningRate Moment1 Moment2 Beta1Pow Beta2Pow MasterParam? SkipUpdate? Beta1Tensor? Beta2Tensor? EpsilonTensor?|ParamOut Moment1Out Moment2Out Beta1PowOut Beta2PowOut MasterParamOut?|fbeta1=0.9 fbeta2=0.999 fepsilon=1e-8 blazy_mode lmin_row_size_to_use_multithread=1000 bmulti_precision buse_global_beta_pow flr_ratio=1 fcoeff=0.01 bwith_decay
lamb|Param Grad LearningRate Moment1 Moment2 Beta1Pow Beta2Pow MasterParam? SkipUpdate?|ParamOut Moment1Out Moment2Out Beta1PowOut? Beta2PowOut? MasterParamOut?|fweight_decay! fbeta1=0.9 fbeta2=0.999 fepsilon=0.000001 balways_adapt bmulti_precision
adamax|Param Grad LearningRate Moment InfNorm Beta1Pow MasterParam?|ParamOut MomentOut InfNormOut MasterParamOut?|fbeta1=0.9 fbeta2=0.999 fepsilon=1e-8 bmulti_precision
adagrad|Param Grad LearningRate Moment MasterParam?|ParamOut MomentOut MasterParamOut?|fepsilon=0.000001 bmulti_precision
ftrl|Param Grad LearningRate SquaredAccumulator LinearAccumulator|ParamOut SquaredAccumOut LinearAccumOut|fl1 fl2 flr_power=-0.5
momentum|Param Grad LearningRate Velocity MasterParam?|ParamOut VelocityOut MasterParamOut?|fmu! buse_nesterov sregularization_method fregularization_coeff bmulti_precision frescale_grad=1
merged_adam|Param* Grad* MasterParam* LearningRate* Moment1* Moment2* Beta1Pow* Beta2Pow*|ParamOut* Moment1Out* Moment2Out* Beta1PowOut* Beta2PowOut* MasterParamOut*|fbeta1=0.9 fbeta2=0.999 fepsilon=1e-8 bmulti_precision buse_global_beta_pow
merged_momentum|Param* Grad* MasterParam* LearningRate* Velocity*|ParamOut* VelocityOut* MasterParamOut*|fmu! buse_nesterov Sregularization_method Fregularization_coeff bmulti_precision frescale_grad=1
lars_momentum|Param* Grad* Velocity* LearningRate* MasterParam*|ParamOut* VelocityOut* MasterParamOut*|fmu! flars_coeff=0.001 Flars_weight_decay=[0.0005] fepsilon bmulti_precision frescale_grad=1
take_along_axis|Input Index|Result|iAxis!|+ Result'|Input'?
put_along_axis|Input Index Value|Result|iAxis! sReduce=assign bInclude_self=1|+ = Result'|Input'? Value'?
softmax_with_cross_entropy|Logits Label|Softmax Loss|bsoft_label buse_softmax=1 bnumeric_stable_mode=1 iignore_index=-100 iaxis=-1|Label Softmax Loss'|Logits'?
cross_entropy_grad2|Label MatchX XShape Y'|X'?|iignore_index=-100
group_norm|X Scale? Bias?|Y Mean Variance|fepsilon=0.00001 igroups=-1 sdata_layout=NCHW|X Y Scale? Bias? Mean Variance Y'|-
layer_norm|X Scale? Bias?|Y Mean Variance|fepsilon=0.00001 ibegin_norm_axis=1 bis_test|+ Mean Variance Y'|-
batch_norm|X Scale? Bias? Mean Variance MomentumTensor?|Y MeanOut VarianceOut SavedMean SavedVariance ReserveSpace?!|bis_test fmomentum=0.9 fepsilon=0.00001 sdata_layout=NCHW buse_global_stats btrainable_statistics|X Scale? Bias? Mean? Variance? SavedMean? SavedVariance? ReserveSpace? MeanOut? VarianceOut? Y'|X'? Scale'? Bias'?
instance_norm|X Scale? Bias?|Y SavedMean SavedVariance|fepsilon=0.00001|X Scale? SavedMean SavedVariance Y'|-
cross_entropy2|X Label|Y XShape MatchX|iignore_index=-100
unstack|X|Y*|iaxis inum|Y'*|-
fold|X|Y|Ioutput_sizes! Ikernel_sizes! Istrides! Ipaddings! Idilations!|+ Y'|-
unfold|X|Y|Ikernel_sizes! Istrides! Ipaddings! Idilations!|+ Y'|-
cross_entropy|X Label|Y|bsoft_label iignore_index=-100|+ Y'|X'?
masked_select|X Mask|Y||+ Y'|X'?
sequence_mask|X MaxLenTensor?|Y|imaxlen=-1 tout_dtype!
stack|X*|Y|iaxis|+ Y'|-
cummax cummin|x|out indices|iaxis=-1 tdtype=int64|+ indices out'|-
tril_indices||out|irows icols ioffset tdtype=int64
triu_indices||out|irow icol ioffset tdtype=int64
`
